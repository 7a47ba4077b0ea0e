"""Find what stands out among the live pictures: uneven variants, outliers, swapped siblings.

Stored measurements are compared inside the database, so that a million live pictures cost seconds.
``judging`` judges single pictures.
"""

from dataclasses import dataclass
from typing import Final

from duckdb import DuckDBPyConnection

#: The live pictures with their newest signals, each once per group and category: for those that
#: share it, the product with the first id.
_MEASURED: Final = """
    (
        SELECT image_id, view, min(product_id) AS product_id
        FROM live_items JOIN products USING (product_id)
        GROUP BY image_id, view, group_id, category
    ) AS shown
    JOIN products USING (product_id)
    JOIN (
        SELECT image_id, arg_max(signals, seq) AS signals FROM scores
        SEMI JOIN live_items USING (image_id) GROUP BY image_id
    ) AS newest USING (image_id)
"""

#: Measures in which outliers are sought, with the smallest deviation to assume: without it, a tiny
#: difference would be an outlier among nearly identical pictures.
_MEASURES: Final = {"fill": 0.03, "border_lightness": 1.5, "edge_width": 0.5}

#: From a normal distribution's median absolute deviation to its standard deviation.
_NORMAL: Final = 0.6745


@dataclass(frozen=True, slots=True)
class UnevenGroup:
    """Variants of one product whose pictures of a view differ in framing or light.

    ``fill_spread`` is the largest minus the smallest share of the picture's longer side that the
    subject covers, 0..1; ``light_spread`` is the same for the border's lightness, in L*.
    """

    group_id: str
    view: str
    pictures: int
    fill_spread: float
    light_spread: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture unlike the others of its category and view, and their median."""

    product_id: str
    view: str
    category: str
    measure: str
    value: float
    usual: float


@dataclass(frozen=True, slots=True)
class Sibling:
    """One variant's picture: the colour that was asked for, and the one measured (CIELAB)."""

    group_id: str
    view: str
    product_id: str
    colour: str
    lab: tuple[float, float, float]


def uneven_groups(
    connection: DuckDBPyConnection, most_fill: float, most_light: float
) -> list[UnevenGroup]:
    """Groups and views whose pictures differ by more than the limits, the worst first."""
    rows = connection.execute(
        f"""
        WITH measured AS (
            SELECT group_id, view, (signals ->> 'fill')::DOUBLE AS fill,
                (signals ->> 'border_lightness')::DOUBLE AS light
            FROM {_MEASURED} WHERE group_id <> ''
        )
        SELECT group_id, view, count(*), max(fill) - min(fill) AS fills, max(light) - min(light)
        FROM measured GROUP BY group_id, view
        HAVING max(fill) - min(fill) > $fill OR max(light) - min(light) > $light
        ORDER BY fills DESC, group_id, view
        """,
        {"fill": most_fill, "light": most_light},
    ).fetchall()
    return [UnevenGroup(*row) for row in rows]


def outliers(connection: DuckDBPyConnection, least: int, limit: float) -> list[Outlier]:
    """Pictures far from their category's median, the farthest first.

    The modified z-score of B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers" (1993),
    who recommend 3.5 as its limit.

    Args:
        least: how many pictures a category and view must have to be considered.
        limit: of the modified z-score, which is 0 at the median.
    """
    values = ", ".join(
        f"{{'measure': '{name}', 'value': (signals ->> '{name}')::DOUBLE, 'least': {least_mad}}}"
        for name, least_mad in _MEASURES.items()
    )
    rows = connection.execute(
        f"""
        WITH measured AS (
            SELECT product_id, view, category, unnest([{values}], recursive := true)
            FROM {_MEASURED}
        ), compared AS (
            SELECT *, median(value) OVER alike AS usual, mad(value) OVER alike AS deviation,
                count(value) OVER alike AS pictures
            FROM measured WHERE value IS NOT NULL
            WINDOW alike AS (PARTITION BY category, view, measure)
        )
        SELECT product_id, view, category, measure, value, usual FROM compared
        WHERE pictures >= $least_pictures
            AND {_NORMAL} * abs(value - usual) / greatest(deviation, least) > $limit
        ORDER BY abs(value - usual) / greatest(deviation, least) DESC, product_id, view
        """,
        {"least_pictures": least, "limit": limit},
    ).fetchall()
    return [Outlier(*row) for row in rows]


def doubtful_siblings(connection: DuckDBPyConnection, most_delta: float) -> list[Sibling]:
    """The pictures of all groups and views in which one differs from its asked colour by more
    than ``most_delta`` (CIEDE2000), by group, view and product."""
    rows = connection.execute(
        f"""
        SELECT group_id, view, product_id, attributes['colour'],
            (signals -> 'colour_lab')::DOUBLE[]
        FROM {_MEASURED}
        WHERE group_id <> '' AND attributes['colour'] IS NOT NULL
            AND signals ->> 'colour_delta' IS NOT NULL
        QUALIFY max((signals ->> 'colour_delta')::DOUBLE) OVER (PARTITION BY group_id, view)
            > $delta
        ORDER BY group_id, view, product_id
        """,
        {"delta": most_delta},
    ).fetchall()
    return [
        Sibling(group_id, view, product_id, colour, (lab[0], lab[1], lab[2]))
        for group_id, view, product_id, colour, lab in rows
    ]
