"""Photos from the shop's own addresses: fetched within bounds, kept by the hash of their bytes."""
