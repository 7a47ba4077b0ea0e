"""Everything that lasts: the DuckDB file, the outbox before it, and the snapshots after it."""
