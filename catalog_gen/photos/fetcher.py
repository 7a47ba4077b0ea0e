"""Many photos: a few at a time, patient with a busy server, and done with one that is gone.

A thread for each photo on its way: hashing and writing go on beside the network, and httpcore2
takes half the processor time that it takes with asyncio.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Final

import httpcore2
import httpx2

from catalog_gen.hosts import AllowedHosts
from catalog_gen.photos.download import Limits, NotFetched, Photo, download, parsed
from catalog_gen.photos.network import CheckedNetwork, Resolve, resolved
from catalog_gen.photos.shelf import ShelfWriter
from catalog_gen.progress import report

STAGE: Final = "photos"

#: Why a picture's bytes are not a photo of the shop's; '' if they are.
Refuse = Callable[[bytes], str]


@dataclass(slots=True)
class Fetched:
    """Counts of addresses: new photo, unchanged photo, failure, and a picture drawn here."""

    fetched: int = 0
    unchanged: int = 0
    failed: int = 0
    own: int = 0

    @property
    def note(self) -> str:
        return f"{self.failed} failed" if self.failed else ""


@dataclass(slots=True)
class _Host:
    """A host's state: when it may be asked again, and its consecutive failures."""

    resume_at: float = 0.0
    failures: int = 0
    gone: str = ""

    def note(self, error: NotFetched | None, patience: int) -> None:
        self.failures = self.failures + 1 if error is not None and error.of_host else 0
        if error is not None and self.failures >= patience:
            self.gone = (
                f"not requested: {patience} photos of this host failed in a row ({error.why})"
            )


@dataclass(slots=True)
class _Round:
    """The shared state of one round's workers."""

    todo: Iterator[str]
    shelf: ShelfWriter
    hosts: AllowedHosts
    limits: Limits
    pool: httpcore2.ConnectionPool
    refuse: Refuse
    total: int
    outcome: Fetched = field(default_factory=Fetched)
    done: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _behaviour: dict[str, _Host] = field(default_factory=dict)

    def work(self) -> None:
        """Ask for photos until none is left to ask for, or the round is over."""
        while not self.over.is_set() and (address := self._next()):
            self._one(address)
            with self._lock:
                self.done += 1
                report(STAGE, self.done, self.total, self.outcome.note)

    def _next(self) -> str:
        with self._lock:
            return next(self.todo, "")

    def _one(self, address: str) -> None:
        url = parsed(address)
        if url is None:
            self._fail(address, "is not a web address")
            return
        with self._lock:
            host = self._behaviour.setdefault(url.host, _Host())
        if host.gone:
            self._fail(address, host.gone)
            return
        try:
            photo = self._patiently(address, url, host)
        except NotFetched as error:
            if self.over.is_set():
                return
            with self._lock:
                host.note(error, self.limits.patience)
            self._fail(address, error.why)
            return
        with self._lock:
            host.note(None, self.limits.patience)
        if photo is None:
            self.shelf.confirm(address)
            self._count(unchanged=1)
        elif why := self.refuse(photo.content):
            self.shelf.fail(address, why)
            self._count(own=1)
        else:
            self.shelf.keep(address, photo)
            self._count(fetched=1)

    def _fail(self, address: str, why: str) -> None:
        self.shelf.fail(address, why)
        self._count(failed=1)

    def _count(self, fetched: int = 0, unchanged: int = 0, failed: int = 0, own: int = 0) -> None:
        with self._lock:
            self.outcome.fetched += fetched
            self.outcome.unchanged += unchanged
            self.outcome.failed += failed
            self.outcome.own += own

    def _patiently(self, address: str, url: httpx2.URL, host: _Host) -> Photo | None:
        known = self.shelf.known(address)
        wait = self.limits.first_wait
        for further in reversed(range(self.limits.tries)):
            while (pause := host.resume_at - time.monotonic()) > 0 and not self.over.is_set():
                self.over.wait(pause)
            try:
                return download(self.pool, url, known, self.hosts, self.limits)
            except NotFetched as error:
                if not error.passing or not further or host.gone or self.over.is_set():
                    raise
                if error.wait > self.limits.longest_wait:
                    why = f"{error.why}, and the server asks for a wait of {error.wait:.0f} s"
                    raise NotFetched(why, of_host=True) from None
                if error.wait:  # what the server asks of one, it asks of all
                    with self._lock:
                        host.resume_at = max(host.resume_at, time.monotonic() + error.wait)
                else:
                    self.over.wait(wait)
                wait *= 2
        raise AssertionError("a last try returns or raises")


def fetch_photos(
    addresses: Iterable[str],
    shelf: ShelfWriter,
    hosts: AllowedHosts,
    limits: Limits | None = None,
    *,
    refuse: Refuse = lambda content: "",
    resolve: Resolve = resolved,
) -> Fetched:
    """Request every address once, and record the photos and failures on the shelf.

    Addresses that an interrupted round has already settled are not requested again. Reports
    progress.

    Raises:
        OSError: the shelf can't be written.
    """
    limits = limits or Limits()
    listed = [each for each in dict.fromkeys(addresses) if not shelf.is_settled(each)]
    if not listed:
        return Fetched()
    with (
        closing(CheckedNetwork(hosts, resolve)) as network,
        httpcore2.ConnectionPool(
            max_connections=limits.concurrency,
            max_keepalive_connections=limits.concurrency,
            keepalive_expiry=30.0,
            network_backend=network,
        ) as pool,
        ThreadPoolExecutor(limits.concurrency, "photos") as threads,
    ):
        this = _Round(iter(listed), shelf, hosts, limits, pool, refuse, len(listed))
        workers = [
            threads.submit(copy_context().run, this.work)  # with this thread's reporters
            for _ in range(min(limits.concurrency, len(listed)))
        ]
        try:
            for worker in as_completed(workers):
                worker.result()
        except BaseException:  # a full disk, or Ctrl-C: what is on its way is given up
            this.over.set()
            network.abort()
            raise
    return this.outcome
