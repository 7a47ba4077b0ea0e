"""`catalog-gen doctor`: check everything that a refresh needs, with remedies for faults.

Changes nothing, and opens the store only for a moment; `verify` hashes what is stored.
"""

import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from catalog_gen.cli.output import answers, print_json
from catalog_gen.cli.preflight import looks
from catalog_gen.cli.storage import nights_left, storage_text
from catalog_gen.errors import CatalogError, CorruptionError, InfrastructureError
from catalog_gen.home import Home
from catalog_gen.reporting.site_checks import abandoned_files, torn_files
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.plan import make_plan
from catalog_gen.store.connection import Store
from catalog_gen.store.drawing_lock import drawing_process
from catalog_gen.store.engine import spill_folder
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.outbox_file import read_batch
from catalog_gen.store.relations import only_row
from catalog_gen.store.retention import StorageFigures, storage_figures
from catalog_gen.store.unfinished import abandoned

State = Literal["well", "warning", "fault"]

#: Free bytes below which the next night may not fit, and below which it can hardly begin.
SCARCE: Final = 5 * 1024**3
TOO_LITTLE: Final = 512 * 1024**2

#: Fewer nights than this until the disk is full are a warning.
FEW_NIGHTS: Final = 30

#: Seconds to wait for another process before it is reported.
_PATIENCE: Final = 2.0

_COLOURS: Final[dict[State, str]] = {"well": "green", "warning": "yellow", "fault": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; the remedy is empty if the state is well."""

    what: str
    state: State
    message: str
    remedy: str = ""


def run(config: Path, as_json: bool) -> int:
    """Print the findings; 0 if all is well, 1 with warnings, 3 with faults.

    Raises:
        ConfigError: the settings can't be used.
    """
    settings = load_settings(config)
    findings = list(examine(settings, Home.from_environment()))
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            answers.print(f"[{_COLOURS[finding.state]}]{finding.state:<8}[/]", end="")
            answers.print(f"{finding.what}: {finding.message}. {finding.remedy}", markup=False)
    states = {finding.state for finding in findings}
    if "fault" in states:
        return InfrastructureError.exit_code
    return 1 if "warning" in states else 0


def examine(settings: CatalogSettings, home: Home) -> Iterator[Finding]:
    """Everything that a refresh needs, in the order in which it would fail."""
    yield _disk(home)
    yield from _store(home)
    yield from _outbox(home)
    yield from _leftovers(home)
    yield from _gallery(home)
    yield _drawing(home)
    for each in looks(Catalog(settings, home)):
        yield _guarded(each.what, each.look)
    yield from _model(settings)
    yield _guarded("plan", lambda: _plan(Catalog(settings, home)))
    yield _device()
    yield from _dagster(home)


def _guarded(what: str, look: Callable[[], str]) -> Finding:
    """Convert a ``CatalogError``, with its next step as the remedy."""
    try:
        return Finding(what, "well", look())
    except CatalogError as error:
        return Finding(what, "fault", f"{error.value}: {error.rule}", error.next_step)


def _disk(home: Home) -> Finding:
    folder = next(each for each in (home.root, *home.root.parents) if each.exists())
    if not os.access(folder, os.W_OK):
        remedy = "Make it writable, or set CATALOG_HOME to another folder."
        return Finding("disk", "fault", f"{folder} can't be written", remedy)
    free = shutil.disk_usage(folder).free
    message = f"{free / 1024**3:.1f} GiB free at {folder}"
    if free >= SCARCE:
        return Finding("disk", "well", message)
    state: State = "fault" if free < TOO_LITTLE else "warning"
    return Finding("disk", state, message, "Free space, or set CATALOG_HOME to another disk.")


def _store(home: Home) -> Iterator[Finding]:
    if not home.database.exists():
        yield Finding("store", "well", f"not created yet at {home.root}")
        return

    def look() -> str:
        with Store(home, patience=_PATIENCE).peek() as connection:
            (images,) = only_row(connection.execute("SELECT count(*) FROM images"))
        return f"{images} pictures, schema is current, not locked"

    yield _guarded("store", look)
    with suppress(CatalogError), Store(home, patience=_PATIENCE).peek() as connection:
        yield _growth(home, storage_figures(connection))


def _growth(home: Home, storage: StorageFigures) -> Finding:
    """The size of the pictures, and when the home's disk is full at this pace."""
    nights = nights_left(storage, shutil.disk_usage(home.root).free)
    message = storage_text(storage)
    if math.isinf(nights):
        return Finding("growth", "well", message)
    message += f"; at this pace the disk is full in {nights:,.0f} nights"
    if nights >= FEW_NIGHTS:
        return Finding("growth", "well", message)
    remedy = "Free space, set [retention] nights, or move them: `catalog-gen move`."
    return Finding("growth", "warning", message, remedy)


def _outbox(home: Home) -> Iterator[Finding]:
    pending = Outbox(home.outbox).pending()
    torn = [path.name for path in pending if _is_damaged(path)]
    waiting = len(pending) - len(torn)
    damaged = len(list(home.outbox.glob("*.corrupt")))
    if torn:
        yield Finding(
            "outbox files",
            "warning",
            f"{len(torn)} that wait are damaged ({torn[0]}, ...)",
            "Test this disk. The next refresh sets them aside and draws their pictures again.",
        )
    if waiting:
        yield Finding(
            "outbox",
            "warning",
            f"{waiting} files wait for the database",
            "The next refresh ingests them; nothing in them is drawn again.",
        )
    if damaged:
        yield Finding(
            "outbox",
            "warning",
            f"{damaged} damaged files were set aside",
            f"Test this disk, then delete {home.outbox}/*.corrupt; their pictures were planned "
            "again.",
        )
    if not pending and not damaged:
        yield Finding("outbox", "well", "empty")


def _is_damaged(path: Path) -> bool:
    try:
        read_batch(path)
    except CorruptionError:
        return True
    except FileNotFoundError:
        pass  # a refresh has just ingested it
    return False


def _leftovers(home: Home) -> Iterator[Finding]:
    """What killed processes left unfinished."""
    folders = (home.root, home.feeds, home.outbox, home.pictures, home.snapshots, home.site)
    within_site = (path for path in home.site.glob("*") if path.is_dir())
    left = [path for folder in (*folders, *within_site) for path in abandoned(folder)]
    left += abandoned_files(home.site)
    spilled = spill_folder(home.database)
    if spilled.exists() and _is_free(home):
        left.append(spilled)
    if left:
        size = sum(_size(path) for path in left)
        yield Finding(
            "leftovers",
            "warning",
            f"killed processes left {len(left)} unfinished files, {size / 1024**2:.1f} MiB",
            "The next refresh deletes them.",
        )


def _is_free(home: Home) -> bool:
    """Whether no process writes to the database."""
    try:
        with Store(home, patience=0).peek():
            return True
    except CatalogError:
        return False


def _gallery(home: Home) -> Iterator[Finding]:
    torn = list(torn_files(home.site))
    if torn:
        yield Finding(
            "gallery",
            "warning",
            f"{len(torn)} of its files are torn or gone ({torn[0]}, ...)",
            "Run `catalog-gen gallery`: it writes them anew. `catalog-gen verify` hashes the rest.",
        )


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder, without files that have just gone."""
    total = 0
    for file in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


def _drawing(home: Home) -> Finding:
    process = drawing_process(home)
    if process is None:
        return Finding("drawing lock", "well", "free")
    return Finding(
        "drawing lock",
        "warning",
        f"process {process or 'unknown'} draws now",
        "A second refresh waits for it. If it hangs, end that process: the lock ends with it.",
    )


def _model(settings: CatalogSettings) -> Iterator[Finding]:
    """Warnings about a usable model."""
    from catalog_gen.diffusion.model import find_model

    with suppress(CatalogError):  # reported before, with its remedy
        for message in find_model(settings.model).warnings:
            yield Finding("model", "warning", message)


def _plan(catalog: Catalog) -> str:
    """What a refresh would find in the feed and the templates."""
    plan = make_plan(catalog)
    if plan.stops:
        raise plan.stops[0]
    return f"{len(plan.items)} pictures of {plan.products.active} products would be drawn"


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(each) for each in range(torch.cuda.device_count())]
        return Finding("device", "well", ", ".join(names))
    return Finding("device", "well", "the CPU; torch finds no GPU")


def _dagster(home: Home) -> Iterator[Finding]:
    from assets_defs.leftovers import leftovers
    from catalog_gen.store.run_lock import dead_runs

    left, dead = leftovers(home), dead_runs(home)
    if dead:
        ids = ", ".join(run_id[:8] for run_id in dead)
        yield Finding(
            "dead runs",
            "warning",
            f"the process of {ids} died",
            "The next refresh calls them interrupted, frees their slots and draws what is missing.",
        )
    remedy = "If no refresh is running, start `catalog-gen dev`: its monitor ends dead runs."
    unclear = [run_id for run_id in left.runs if run_id not in dead]
    if unclear:
        ids = ", ".join(run_id[:8] for run_id in unclear)
        yield Finding("Dagster runs", "warning", f"not ended: {ids}", remedy)
    if left.pools:
        yield Finding("Dagster slots", "warning", f"taken in {', '.join(left.pools)}", remedy)
    if left.ahead:
        yield Finding(
            "clock",
            "warning",
            f"by it, {', '.join(left.ahead)} last ran in the future, and Dagster waits for that",
            "Restart `catalog-gen dev` (or the daemon): they go on from now.",
        )
    if not left.runs and not left.pools and not dead:
        yield Finding("Dagster", "well", "no run and no slot is left over")
