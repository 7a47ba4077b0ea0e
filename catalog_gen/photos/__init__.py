"""Photos from the shop's own addresses, fetched within limits and stored by content hash."""
