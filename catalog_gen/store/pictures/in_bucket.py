"""Pictures as objects of a bucket: ``prefix/3f/3f2a...c1.png``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from catalog_gen.store.bucket import Bucket
from catalog_gen.store.pictures.pictures import Pictures, is_whole

#: Number of parallel requests.
_PARALLEL: Final = 16

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class InBucket(Pictures):
    """A prefix of a bucket. The constructor sends nothing."""

    def __init__(self, place: str) -> None:
        self._bucket = Bucket(place)

    def put(self, pictures: Mapping[str, bytes]) -> None:
        self._each(lambda each: self._bucket.put(_path(each[0]), each[1]), pictures.items())

    def get(self, addresses: Sequence[str]) -> dict[str, bytes]:
        found = self._each(self._get, addresses)
        return {
            address: content
            for address, content in zip(addresses, found, strict=True)
            if content is not None
        }

    def listed(self) -> Iterator[tuple[str, int]]:
        for path, size in self._bucket.listed():
            folder, _, name = path.rpartition("/")
            if name.endswith(".png") and folder == name[:2]:
                yield name.removesuffix(".png"), size

    def drop(self, addresses: Iterable[str]) -> None:
        self._bucket.delete([_path(address) for address in addresses])

    def _get(self, address: str) -> bytes | None:
        return self._bucket.get(_path(address), partial(is_whole, address))

    def _each(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        with ThreadPoolExecutor(_PARALLEL, "bucket") as threads:
            return list(threads.map(work, items))


def _path(address: str) -> str:
    return f"{address[:2]}/{address}.png"
