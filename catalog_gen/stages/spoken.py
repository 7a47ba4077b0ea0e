"""What people say to the studio: the texts whose words a recogniser listens for."""

from itertools import chain
from typing import Final

from catalog_gen.dialects.dialect import Dialect
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.words import catalog_words

#: Texts of each kind, the most frequent ones: more words would be mistaken for each other.
MOST: Final = 2000


def spoken_texts(catalog: Catalog, dialect: Dialect) -> list[str]:
    """Names, views, prompts and titles of the catalog, and the model's words, each once.

    Raises:
        StoreError: the database can't be read.
    """
    with catalog.store.reading() as connection:
        found = catalog_words(connection, MOST)
    models = chain(*dialect.vocabularies.values(), dialect.plurals.values())
    texts = (found.names, models, catalog.settings.views, found.prompts, found.titles)
    return list(dict.fromkeys(text.strip() for text in chain(*texts)))
