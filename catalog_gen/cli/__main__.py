"""`python -m catalog_gen.cli` is `catalog-gen`."""

from catalog_gen.cli.main import main

main()
