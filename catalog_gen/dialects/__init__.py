"""Which words a model understands, read from the model's own file; none is compiled in."""
