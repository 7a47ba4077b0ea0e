"""The ways to draw, one file each; ``pyproject.toml`` lists them under ``catalog_gen.methods``."""
