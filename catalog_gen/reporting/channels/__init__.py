"""Sales channels, one per file, registered in the group ``catalog_gen.channels``."""
