"""One sales channel a file; they register in the group ``catalog_gen.channels``."""
