"""Settings of what is kept, where, and for how long."""

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.picture_place import IN_HOME
from catalog_gen.settings.types import PicturePlace


class StoreSettings(Chosen):
    """Where pictures' bytes are kept; rows, recipes and lineage are in the database."""

    pictures: PicturePlace = Field(
        IN_HOME,
        description="'folder': pictures/ below the catalog's home; 'duckdb': the database itself; "
        "a folder's path; or a bucket: s3://bucket/prefix, gs://..., az://...",
    )
    check_nights: int = Field(
        14, ge=1, le=256, description="nights in which the bytes of every picture are checked once"
    )


class RetentionSettings(Chosen):
    """How long bytes are kept of pictures that nothing shows; rows and recipes stay for good."""

    nights: int | None = Field(
        None,
        ge=1,
        description="pictures that lost, were replaced or whose product has gone lose their bytes "
        "after so many nights; none: never",
    )
    publications: int = Field(
        14, ge=1, description="newest published sets whose pictures stay, to roll back to"
    )


class HistorySettings(Chosen):
    """How long Dagster's records of runs are kept."""

    days: int = Field(
        30, ge=1, le=36_500, description="older runs are deleted, except the last of every asset"
    )
