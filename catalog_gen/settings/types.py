"""The types of settings' values: paths beside the file, places, shares, names, limits."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, ValidationInfo

from catalog_gen.hosts import checked_host
from catalog_gen.picture_place import checked_place, is_path
from catalog_gen.timetable import checked_cron, checked_timezone

#: Maximum pictures per batch and pixels per side; no current GPU has memory for more.
MAX_BATCH: Final = 1024
MAX_SIDE: Final = 8192
#: Pictures or seconds of one refresh: a few decades.
MAX_BUDGET: Final = 1_000_000_000

#: The beginning of a scorer's id that is a folder, as open_clip writes it.
LOCAL_SCORER: Final = "local-dir:"


def _beside(path: Path, info: ValidationInfo) -> Path:
    """The path relative to the file's own folder; as it is where no file is read."""
    return info.context["folder"] / path if info.context else path


def _beside_if_there(name: str, info: ValidationInfo) -> str:
    path = _beside(Path(name), info)
    return str(path) if info.context and path.exists() else name


def _place_beside(place: str, info: ValidationInfo) -> str:
    return str(_beside(Path(place), info)) if is_path(place) else place


def _folder_beside(name: str, info: ValidationInfo) -> str:
    if not name.startswith(LOCAL_SCORER):
        return name
    return f"{LOCAL_SCORER}{_beside(Path(name.removeprefix(LOCAL_SCORER)), info)}"


#: A path, relative to the folder of the file that names it.
OwnPath = Annotated[Path, AfterValidator(_beside)]
#: A folder or file beside the file that names it, else a hub's id.
ModelId = Annotated[str, AfterValidator(_beside_if_there)]
#: An open_clip name, or "local-dir:" with a folder beside the file that names it.
ScorerId = Annotated[str, AfterValidator(_folder_beside)]
PicturePlace = Annotated[str, AfterValidator(checked_place), AfterValidator(_place_beside)]
Share = Annotated[float, Field(ge=0, le=1)]
Host = Annotated[str, AfterValidator(checked_host)]
Cron = Annotated[str, AfterValidator(checked_cron)]
TimeZone = Annotated[str, AfterValidator(checked_timezone)]
PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Asks = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], str]
