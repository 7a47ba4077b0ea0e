"""The review queue, shared by `review`, `status` and Dagster's check."""

from duckdb import DuckDBPyConnection

from catalog_gen.settings import CatalogSettings
from catalog_gen.stages.retries import out_of_retries
from catalog_gen.store.verdicts import ToReview, unreviewed

#: More than a person reviews in one session.
MOST: int = 10_000


def waiting_for_a_person(
    connection: DuckDBPyConnection, settings: CatalogSettings, limit: int = MOST
) -> list[ToReview]:
    """Pictures that the rubric sent to review, and the best of each look whose every attempt was
    rejected, without those that a person has decided about; best first.
    """
    stuck = out_of_retries(connection, settings)
    return unreviewed(connection, limit, [each.look_id for each in stuck])
