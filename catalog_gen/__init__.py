"""catalog_gen keeps the pictures of a product catalog up to date.

The rooms of the package and what each knows are drawn in ``docs/architecture.md``. Importing
this package touches no disk, network or GPU, and imports no heavy library.
"""

__version__ = "0.1.0"
