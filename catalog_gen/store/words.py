"""The words that a catalog says: what its products are called, and what is asked of pictures."""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class CatalogWords:
    """The texts of a catalog, the most frequent first.

    Attributes:
        names: values of what is asked (colours, materials, ...), and categories.
        prompts: parts of prompts, as commas separate them.
        titles: titles of active products.
    """

    names: tuple[str, ...]
    prompts: tuple[str, ...]
    titles: tuple[str, ...]


def catalog_words(connection: DuckDBPyConnection, most: int) -> CatalogWords:
    """At most so many texts of each kind."""

    def texts(query: str) -> tuple[str, ...]:
        rows = connection.execute(
            f"SELECT said FROM ({query}) WHERE said <> '' GROUP BY said "
            "ORDER BY count(*) DESC, said LIMIT $most",
            {"most": most},
        ).fetchall()
        return tuple(said for (said,) in rows)

    return CatalogWords(
        names=texts(
            "SELECT unnest(map_values(asked)) AS said FROM current_prompts "
            "UNION ALL SELECT unnest(string_split(category, '>')) FROM active_products"
        ),
        prompts=texts("SELECT unnest(string_split(prompt, ',')) AS said FROM current_prompts"),
        titles=texts("SELECT title AS said FROM active_products"),
    )
