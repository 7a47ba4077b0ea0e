"""The catalog: products, the feeds they come from, and the rules that accept or reject a row."""
