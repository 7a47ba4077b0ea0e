"""The settings of a catalog, ``catalog.toml``: a module for the sections of each room.

They are read once, frozen, and every field is described. Whether a model loads or a feed parses is
checked where they are used.
"""
