"""Model families, one file each; ``pyproject.toml`` lists them under ``catalog_gen.families``."""
