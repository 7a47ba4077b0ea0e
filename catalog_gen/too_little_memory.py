"""Recognise a lack of memory, before a library meets it or however a library reports it."""

import re
import resource
from typing import Final

from catalog_gen.errors import InfrastructureError

#: What the loader of shared objects, threads and mmap raise in place of a MemoryError.
_SIGNS: Final = re.compile(
    r"failed to map segment|cannot allocate memory|can't start new thread|bad_alloc", re.IGNORECASE
)
#: Of addresses: with less, OpenBLAS asks for memory in an endless loop when NumPy is imported.
LEAST: Final = 1024**3


def require_addresses() -> None:
    """Refuse to begin where not even a plan can be made.

    Raises:
        InfrastructureError: this process may use less than ``LEAST``.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST:
        raise _error(f"less than the {LEAST // 1024**2:,} MiB that a plan needs")


def too_little_memory(error: Exception) -> InfrastructureError | None:
    """The error to report; None if memory is not what was lacking."""
    foreign = isinstance(error, (ImportError, OSError, RuntimeError))
    if not (isinstance(error, MemoryError) or (foreign and _SIGNS.search(str(error)))):
        return None
    return _error(" ".join(str(error).split()) or "an allocation failed")


def _error(why: str) -> InfrastructureError:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    allowed = "" if limit == resource.RLIM_INFINITY else f", {limit // 1024**2:,} MiB of addresses"
    return InfrastructureError(
        "this process",
        f"it needs more memory than it gets{allowed} ({why})",
        "Free memory, or raise its limit (ulimit -v), and run again; what was done before is kept.",
    )
