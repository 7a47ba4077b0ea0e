"""The interface of places for pictures' bytes.

A picture's address is the SHA-256 of its PNG file. Rows, recipes and lineage are in the database
wherever the bytes are.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

#: Maximum number of pictures in memory while many are read.
PORTION: Final = 16


class Pictures(ABC):
    """Pictures' bytes in one place. All methods can be repeated, and killed between any two steps.

    Raises:
        StoreError: from every method: the place can't be reached, read or written.
    """

    @abstractmethod
    def put(self, pictures: Mapping[str, bytes]) -> None:
        """Store pictures by address: once this returns, they survive a crash of the machine.

        Existing pictures stay as they are; damaged ones are replaced.
        """

    @abstractmethod
    def get(self, addresses: Sequence[str]) -> dict[str, bytes]:
        """The bytes of these pictures, unchecked; those that are gone are absent."""

    @abstractmethod
    def listed(self) -> Iterator[tuple[str, int]]:
        """Addresses and sizes in bytes of all stored pictures, in any order."""

    @abstractmethod
    def drop(self, addresses: Iterable[str]) -> None:
        """Delete pictures and free their space; unknown ones are ignored."""

    def file(self, address: str) -> Path | None:
        """The file on this machine that contains only this picture; None: there is none."""
        return None

    def broken(self, addresses: Iterable[str]) -> set[str]:
        """Those of these pictures whose bytes are gone, or do not hash to their address.

        Reads all of them, a few at a time.
        """
        broken: set[str] = set()
        for portion in portions(addresses):
            found = self.get(portion)
            broken |= {
                address
                for address in portion
                if address not in found or not is_whole(address, found[address])
            }
        return broken


def is_whole(address: str, content: bytes) -> bool:
    """Whether bytes hash to their address."""
    return sha256(content).hexdigest() == address


def portions(addresses: Iterable[str], size: int = PORTION) -> Iterator[list[str]]:
    """The addresses in lists of ``size``."""
    stream = iter(addresses)
    while portion := list(islice(stream, size)):
        yield portion
