"""The files of the outbox: a batch of pictures and failures as Parquet, named by its hash."""

import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from catalog_gen.errors import CorruptionError
from catalog_gen.recipe import Environment, Failure
from catalog_gen.store.pictures.pictures import is_whole
from catalog_gen.store.relations import arrow_rows

SUFFIX: Final = ".parquet"
METADATA: Final = b"catalog_gen"


@dataclass(frozen=True, slots=True)
class DrawnImage:
    """A finished picture: its PNG file with SHA-256 and size in pixels, and the drawing time."""

    recipe_id: str
    png: bytes
    sha256: str
    width: int
    height: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Batch:
    """An outbox file that was read and verified."""

    name: str
    rows: pa.Table
    pictures: dict[str, bytes]
    """The pictures' files by address; ``rows`` has the rest."""
    environment: Environment
    written_at: datetime
    run_id: str


def outbox_file(
    images: Sequence[DrawnImage],
    failures: Sequence[Failure],
    environment: Environment,
    run_id: str,
) -> tuple[str, bytes]:
    """Name and content of a new file; names sort by time and end with the content's SHA-256.

    Raises:
        CorruptionError: an image's bytes are not those that were hashed.
    """
    for image in images:
        if not is_whole(image.sha256, image.png):
            raise CorruptionError(
                f"image of recipe {image.recipe_id}",
                "its bytes changed between hashing and writing",
                "Run again; if it happens twice, test this machine's memory.",
            )
    content = _serialised(images, failures, environment, run_id)
    return f"{time.time_ns():020d}-{sha256(content).hexdigest()}{SUFFIX}", content


def hashes_to_its_name(name: str, content: bytes) -> bool:
    """Whether a file's bytes hash to its name."""
    return is_whole(name.removesuffix(SUFFIX).rpartition("-")[2], content)


def _serialised(
    images: Sequence[DrawnImage],
    failures: Sequence[Failure],
    environment: Environment,
    run_id: str,
) -> bytes:
    about = {
        "environment": environment.chosen(),
        "written_at": datetime.now(UTC).isoformat(),
        "run_id": run_id,
    }
    # An image has no error, and a failure none of an image's other columns.
    table = pa.concat_tables(
        [arrow_rows(DrawnImage, images), arrow_rows(Failure, failures)], promote_options="default"
    )
    table = table.replace_schema_metadata({METADATA: json.dumps(about).encode()})
    stream = io.BytesIO()
    # PNG is compressed already, and Parquet's dictionaries would hash every image in vain.
    pq.write_table(table, stream, compression="none", use_dictionary=False, write_statistics=False)
    return stream.getvalue()


def read_batch(path: Path) -> Batch:
    """Read a file and check it.

    Raises:
        CorruptionError: its bytes, or an image's, are not what was written.
    """
    content = path.read_bytes()
    if not hashes_to_its_name(path.name, content):
        raise _corrupt(path, "the file's bytes do not hash to its name")
    rows = pq.read_table(pa.BufferReader(content))
    pictures: dict[str, bytes] = {}
    for png, expected in zip(rows["png"], rows["sha256"].to_pylist(), strict=True):
        if png.is_valid:
            pictures[expected] = png.as_py()
            if not is_whole(expected, pictures[expected]):
                raise _corrupt(path, f"image {expected} does not hash to its address")
    sizes = pc.binary_length(rows["png"])
    rows = rows.drop_columns(["png"]).append_column("size", sizes)
    about = json.loads(rows.schema.metadata[METADATA])
    return Batch(
        name=path.name,
        rows=rows,
        pictures=pictures,
        environment=Environment.model_validate(about["environment"]),
        written_at=datetime.fromisoformat(about["written_at"]),
        run_id=about["run_id"],
    )


def _corrupt(path: Path, rule: str) -> CorruptionError:
    return CorruptionError(str(path), rule, "It is set aside; its pictures are drawn again.")
