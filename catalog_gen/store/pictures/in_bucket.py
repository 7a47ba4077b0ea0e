"""Pictures as objects of a bucket: ``prefix/3f/3f2a...c1.png``, by obstore (S3, Google, Azure).

Credentials, region and endpoint come from the environment or the machine's role, as the provider's
own tools read them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``AZURE_STORAGE_ACCOUNT_NAME``,
``GOOGLE_APPLICATION_CREDENTIALS``, ...), never from the settings. The client tries again what may
succeed then: 5xx answers, slow-downs and dropped connections. A picture counts as kept once it was
read back and hashes to its address, whatever the server answered.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from catalog_gen.errors import ConfigError, StoreError
from catalog_gen.store.pictures.pictures import Pictures, is_whole

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

#: Requests at a time.
_PARALLEL: Final = 16
#: Tries of a request, and of a picture that came through damaged.
_TRIES: Final = 6
#: How long all tries of a request may take.
_PATIENCE: Final = timedelta(seconds=60)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class InBucket(Pictures):
    """A prefix of a bucket. The constructor sends nothing."""

    def __init__(self, place: str) -> None:
        self.place = place

    def put(self, pictures: Mapping[str, bytes]) -> None:
        self._each(self._put, pictures.items())

    def get(self, addresses: Sequence[str]) -> dict[str, bytes]:
        found = self._each(self._get, addresses)
        return {
            address: content
            for address, content in zip(addresses, found, strict=True)
            if content is not None
        }

    def listed(self) -> Iterator[tuple[str, int]]:
        pages, last = iter(self._objects.list()), None

        def following() -> "Sequence[ObjectMeta] | None":
            nonlocal pages
            try:
                return next(pages, None)
            except Exception:  # a listing that broke off is over: go on behind what came
                pages = iter(self._objects.list(offset=last))
                raise

        while (page := self._tried(following)) is not None:
            for meta in page:
                last = str(meta["path"])
                folder, _, name = last.rpartition("/")
                if name.endswith(".png") and folder == name[:2]:
                    yield name.removesuffix(".png"), int(meta["size"])

    def drop(self, addresses: Iterable[str]) -> None:
        paths = [_path(address) for address in addresses]
        if paths:
            self._tried(lambda: self._objects.delete(paths))

    @cached_property
    def _objects(self) -> "ObjectStore":
        try:
            from obstore.store import from_url
        except ImportError:
            raise ConfigError(
                f"store.pictures = '{self.place}'",
                "buckets need the package obstore",
                "Install it: `pip install 'catalog-gen[buckets]'`.",
            ) from None
        import os

        options: Any = {"timeout": "30s", "connect_timeout": "10s"}
        if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://127.0.0.1:"):
            options["allow_http"] = True
        store: ObjectStore = from_url(
            self.place,
            client_options=options,
            retry_config={"max_retries": _TRIES, "retry_timeout": _PATIENCE},
        )
        return store

    def _put(self, picture: tuple[str, bytes]) -> None:
        address, content = picture
        if self._fetched(address) == content:
            return
        for _ in range(_TRIES):
            with self._told():
                self._objects.put(_path(address), content)
            if self._fetched(address) == content:
                return
        raise StoreError(
            f"{self.place}/{_path(address)}",
            f"the bucket took {len(content)} bytes and gives others back",
            "Check the bucket and what is between it and this machine; the pictures wait.",
        )

    def _get(self, address: str) -> bytes | None:
        """The bytes; fetched again where they do not hash to their address."""
        content = self._fetched(address)
        for _ in range(_TRIES - 1):
            if content is None or is_whole(address, content):
                break
            content = self._fetched(address)
        return content

    def _fetched(self, address: str) -> bytes | None:
        """The bytes as they came."""
        try:
            return self._tried(lambda: bytes(self._objects.get(_path(address)).bytes()))
        except FileNotFoundError:
            return None

    def _tried(self, request: Callable[[], _Result]) -> _Result:
        """The request's answer; the client itself does not begin anew after a torn body."""
        deadline = time.monotonic() + _PATIENCE.total_seconds()
        for _ in range(_TRIES - 1):
            try:
                with self._told():
                    return request()
            except StoreError:
                if time.monotonic() > deadline:
                    raise
        with self._told():
            return request()

    def _each(self, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        with ThreadPoolExecutor(_PARALLEL, "bucket") as threads:
            return list(threads.map(work, items))

    @contextmanager
    def _told(self) -> Iterator[None]:
        from obstore.exceptions import (
            BaseError,
            PermissionDeniedError,
            UnauthenticatedError,
        )

        try:
            yield
        except FileNotFoundError:
            raise
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise StoreError(
                self.place,
                "the bucket refuses these credentials",
                "Renew them in the environment and run again: everything acknowledged is kept.",
            ) from error
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(
                self.place,
                f"the bucket can't be used ({_first_line(error)})",
                "Check the address and the network, and run again: everything acknowledged is "
                "kept.",
            ) from error


def _path(address: str) -> str:
    return f"{address[:2]}/{address}.png"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
