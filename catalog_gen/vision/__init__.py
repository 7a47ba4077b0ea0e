"""What is found in the products' own photos."""
