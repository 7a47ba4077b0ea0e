"""How a recipe's method calls a pipeline: one module a method, found by name in a registry."""
