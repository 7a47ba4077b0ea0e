"""The ways to learn a product, one file each; ``pyproject.toml`` lists them as ``learners``."""
