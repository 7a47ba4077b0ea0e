"""The studio model's networks, with their losses."""
