"""Objects in a bucket of S3, Google or Azure, through obstore.

Credentials, region and endpoint come from the environment or the machine's role, as the provider's
tools read them (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``AZURE_STORAGE_ACCOUNT_NAME``,
``GOOGLE_APPLICATION_CREDENTIALS``, ...), never from the settings. The client retries 5xx answers,
slow-downs and dropped connections. An object counts as stored once it was read back unchanged,
whatever the server answered.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

from catalog_gen.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

#: Tries of a request, and of an object that arrived damaged.
_TRIES: Final = 6
#: How long all tries of a request may take.
_PATIENCE: Final = timedelta(seconds=60)
#: Where a server other than the provider's may be named; one on this machine needs no TLS.
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL", "AZURE_STORAGE_ENDPOINT")

_Result = TypeVar("_Result")


class Bucket:
    """A prefix of a bucket. The constructor sends nothing.

    Raises:
        ConfigError: from every method: obstore is not installed.
        StoreError: from every method: the bucket can't be reached, or refuses the credentials.
    """

    def __init__(self, place: str) -> None:
        self.place = place

    def put(self, path: str, content: bytes) -> None:
        """Store an object, unless it is there already: once this returns, it can be read."""
        if self._fetched(path) == content:
            return
        for _ in range(_TRIES):
            with self._reported():
                self._objects.put(path, content)
            if self._fetched(path) == content:
                return
        raise StoreError(
            f"{self.place}/{path}",
            f"the bucket took {len(content)} bytes and gives others back",
            "Check the bucket and what is between it and this machine; the pictures wait.",
        )

    def get(self, path: str, is_whole: Callable[[bytes], bool]) -> bytes | None:
        """An object's bytes, fetched again if they are not whole; None: there is no such object.

        Bytes that are never whole are returned in the end.
        """
        content = self._fetched(path)
        for _ in range(_TRIES - 1):
            if content is None or is_whole(content):
                break
            content = self._fetched(path)
        return content

    def listed(self) -> Iterator[tuple[str, int]]:
        """Path below the prefix and size in bytes of every object."""
        pages, last = iter(self._objects.list()), None

        def following() -> "Sequence[ObjectMeta] | None":
            nonlocal pages
            try:
                return next(pages, None)
            except Exception:  # a listing that broke off is over: continue after its last object
                pages = iter(self._objects.list(offset=last))
                raise

        while (page := self._tried(following)) is not None:
            for meta in page:
                last = str(meta["path"])
                yield last, int(meta["size"])

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects; unknown ones are ignored."""
        if not paths:
            return
        try:
            self._tried(lambda: self._objects.delete(paths))
        except FileNotFoundError:  # Azure's answer to a batch with an unknown object in it
            if len(paths) > 1:
                for path in paths:
                    self.delete([path])

    @cached_property
    def _objects(self) -> "ObjectStore":
        try:
            from obstore.store import from_url
        except ImportError:
            raise ConfigError(
                self.place,
                "buckets need the package obstore",
                "Install it: `pip install 'catalog-gen[buckets]'`.",
            ) from None

        options: Any = {"timeout": "30s", "connect_timeout": "10s"}
        endpoints = [os.environ.get(name, "") for name in _ENDPOINTS]
        if any(each.startswith("http://127.0.0.1:") for each in endpoints):
            options["allow_http"] = True
        store: ObjectStore = from_url(
            self.place,
            client_options=options,
            retry_config={"max_retries": _TRIES, "retry_timeout": _PATIENCE},
        )
        return store

    def _fetched(self, path: str) -> bytes | None:
        """The bytes as they arrived."""
        try:
            return self._tried(lambda: bytes(self._objects.get(path).bytes()))
        except FileNotFoundError:
            return None

    def _tried(self, request: Callable[[], _Result]) -> _Result:
        """The request's answer; the client does not retry after a torn body."""
        deadline = time.monotonic() + _PATIENCE.total_seconds()
        for _ in range(_TRIES - 1):
            try:
                with self._reported():
                    return request()
            except StoreError:
                if time.monotonic() > deadline:
                    raise
        with self._reported():
            return request()

    @contextmanager
    def _reported(self) -> Iterator[None]:
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


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
