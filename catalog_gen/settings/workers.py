"""Settings of drawing on many machines."""

from typing import Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.picture_place import IN_DATABASE, IN_HOME
from catalog_gen.settings.types import PicturePlace


class RaySettings(Chosen):
    """The pool of workers that draws and scores with ``CATALOG_DEPLOYMENT=ray``.

    The cluster is that of ``RAY_ADDRESS``; without it, Ray runs on this machine during the night.
    """

    min_workers: int = Field(1, ge=1, description="kept until nothing is left to draw")
    max_workers: int | None = Field(
        None, ge=1, description="started while there is work; unset: as many as the cluster holds"
    )
    cpus: float = Field(1, gt=0, description="processors of each worker, and threads of its torch")
    gpus: float | None = Field(
        None, ge=0, description="GPUs that each worker reserves; unset: 1 if the cluster has any"
    )
    patience: float = Field(
        900, gt=0, description="seconds to wait for the first worker, and so for a new machine"
    )
    outbox: PicturePlace = Field(
        IN_HOME,
        description="where workers leave pictures for the catalog's machine: 'folder' is its own "
        "outbox; a folder that all machines share; or a bucket: s3://bucket/outbox",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_workers is not None and self.max_workers < self.min_workers:
            raise ValueError(
                f"max_workers {self.max_workers} is below min_workers {self.min_workers}; raise it"
            )
        if self.outbox == IN_DATABASE:
            raise ValueError("outbox 'duckdb': workers can't write to the database")
        return self
