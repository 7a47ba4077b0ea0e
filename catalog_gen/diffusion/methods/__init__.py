"""The ways to draw, one module each; ``registry`` lists them."""
