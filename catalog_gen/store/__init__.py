"""Storage: the outbox of drawn pictures, the DuckDB file, and its snapshots."""
