"""The words that a model understands, read from the model's own file."""
