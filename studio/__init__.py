"""The studio model: product photos that we render, and the small models trained on them."""
