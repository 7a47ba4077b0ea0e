"""Parts of the comparison of methods that keep a product's identity; see ``identity``."""
