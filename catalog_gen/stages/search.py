"""Search the stored pictures by their embeddings: for words, for a picture, or for a product."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from catalog_gen.broken_rules import nearest
from catalog_gen.errors import InputError
from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.search import Meaning
from catalog_gen.store.similar import (
    SimilarPicture,
    embeddings_of,
    pictures_of,
    searchable,
    similar_pictures,
)


@dataclass(frozen=True, slots=True)
class Words:
    """Pictures of what these words say."""

    text: str


@dataclass(frozen=True, slots=True)
class LikePicture:
    """Pictures similar to one in a file."""

    file: Path


@dataclass(frozen=True, slots=True)
class LikeProduct:
    """Other pictures, by their mean cosine with a product's."""

    product_id: str


@dataclass(frozen=True, slots=True)
class Found:
    """The most similar pictures first.

    Attributes:
        searched: how many pictures were compared.
        unseen: how many could not be: today's scorer has not seen them.
    """

    pictures: tuple[SimilarPicture, ...]
    searched: int
    unseen: int


def search(
    catalog: Catalog,
    scorer: ClipScorer,
    wanted: Words | LikePicture | LikeProduct,
    *,
    live: bool = True,
    limit: int = 10,
) -> Found:
    """The stored pictures most similar to what is wanted, as the scorer of the settings sees them.

    A product's search loads no model where the scorer is a folder.

    Args:
        live: only pictures that are live now; else all whose bytes are kept.

    Raises:
        InputError: no words, no such product, or nothing that this scorer has seen.
        PictureError: the file can't be read.
        ModelError: the scorer can't be loaded.
    """
    match wanted:
        case Words(text):
            if not text.strip():
                raise InputError(
                    "an empty text", "says nothing to look for", 'Try "red glass vase".'
                )
            (embedding,) = scorer.embed_texts([text.strip()])
        case LikePicture(file):
            (embedding,) = scorer.embed_images([decode_picture(file)])
        case LikeProduct():
            embedding = None
    own: list[str] = []
    with catalog.store.peek() as connection:
        seen, there = searchable(connection, scorer.scorer_hash, live=live)
        if not seen:
            raise _unseen(catalog.settings.scorer.id, there, live=live)
        if isinstance(wanted, LikeProduct):
            own = pictures_of(connection, wanted.product_id, live=live)
            embedding = _mean(connection, scorer.scorer_hash, wanted.product_id, own, live=live)
        found = similar_pictures(
            connection, scorer.scorer_hash, embedding, live=live, limit=limit, without=own
        )
    return Found(tuple(found), seen - len(own), there - seen)


def meaning_of(catalog: Catalog, scorer: ClipScorer, text: str) -> Meaning:
    """What words say, to order stored pictures by.

    Raises:
        InputError: the scorer has seen no picture; then it is not loaded.
        ModelError: the scorer can't be loaded.
    """
    with catalog.store.peek() as connection:
        seen, there = searchable(connection, scorer.scorer_hash, live=False)
    if not seen:
        raise _unseen(catalog.settings.scorer.id, there, live=False)
    (embedding,) = scorer.embed_texts([text.strip()])
    return Meaning(scorer.scorer_hash, embedding)


def _mean(
    connection: DuckDBPyConnection, scorer: str, product_id: str, own: list[str], *, live: bool
) -> NDArray[np.float32]:
    """The mean of a product's embeddings, not of unit length: scores are mean cosines."""
    embeddings = embeddings_of(connection, scorer, own)
    if len(embeddings):
        mean: NDArray[np.float32] = embeddings.mean(axis=0)
        return mean
    ids = {each for (each,) in connection.execute("SELECT product_id FROM products").fetchall()}
    if product_id not in ids:
        near = nearest(product_id, ids)
        hint = f"Did you mean '{near}'?" if near else "`catalog-gen status` counts what there is."
        raise InputError(product_id, "there is no such product", hint)
    raise InputError(
        product_id,
        f"has no {'live ' if live else ''}picture that the scorer has seen",
        "Try --all, which searches pictures that aren't live, too."
        if live
        else "A refresh draws and scores its pictures.",
    )


def _unseen(scorer_id: str, there: int, *, live: bool) -> InputError:
    kind = "live " if live else ""
    if there:
        return InputError(
            f"scorer.id = '{scorer_id}'",
            f"has seen none of the {there} {kind}pictures, and other scorers' embeddings don't "
            "compare with its own",
            "Run `catalog-gen refresh`, which scores stored pictures again.",
        )
    return InputError(
        "the catalog",
        f"has no {kind}picture to search",
        "Run `catalog-gen refresh`, or try --all." if live else "Run `catalog-gen refresh`.",
    )
