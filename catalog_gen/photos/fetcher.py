"""Download many photos, a few at a time: wait for a busy server, give up on one that is gone."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
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
    pool: httpcore2.AsyncConnectionPool
    refuse: Refuse
    total: int
    outcome: Fetched = field(default_factory=Fetched)
    done: int = 0
    _behaviour: dict[str, _Host] = field(default_factory=dict)

    async def work(self) -> None:
        for address in self.todo:
            await self._one(address)
            self.done += 1
            report(STAGE, self.done, self.total, self.outcome.note)

    async def _one(self, address: str) -> None:
        url = parsed(address)
        if url is None:
            self._fail(address, "is not a web address")
            return
        host = self._behaviour.setdefault(url.host, _Host())
        if host.gone:
            self._fail(address, host.gone)
            return
        try:
            photo = await self._patiently(address, url, host)
        except NotFetched as error:
            host.note(error, self.limits.patience)
            self._fail(address, error.why)
            return
        host.note(None, self.limits.patience)
        if photo is None:
            self.outcome.unchanged += 1
            self.shelf.confirm(address)
        elif why := self.refuse(photo.content):
            self.outcome.own += 1
            self.shelf.fail(address, why)
        else:
            self.outcome.fetched += 1
            self.shelf.keep(address, photo)

    def _fail(self, address: str, why: str) -> None:
        self.outcome.failed += 1
        self.shelf.fail(address, why)

    async def _patiently(self, address: str, url: httpx2.URL, host: _Host) -> Photo | None:
        known = self.shelf.known(address)
        wait = self.limits.first_wait
        for further in reversed(range(self.limits.tries)):
            await asyncio.sleep(max(0.0, host.resume_at - time.monotonic()))
            try:
                return await download(self.pool, url, known, self.hosts, self.limits)
            except NotFetched as error:
                if not error.passing or not further or host.gone:
                    raise
                if error.wait > self.limits.longest_wait:
                    why = f"{error.why}, and the server asks for a wait of {error.wait:.0f} s"
                    raise NotFetched(why, of_host=True) from None
                if error.wait:  # the wait applies to all requests to this host
                    host.resume_at = max(host.resume_at, time.monotonic() + error.wait)
                else:
                    await asyncio.sleep(wait)
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
    try:
        return asyncio.run(_fetch(listed, shelf, hosts, limits, refuse, resolve))
    except* OSError as problems:
        raise problems.exceptions[0] from None


async def _fetch(
    listed: list[str],
    shelf: ShelfWriter,
    hosts: AllowedHosts,
    limits: Limits,
    refuse: Refuse,
    resolve: Resolve,
) -> Fetched:
    network = CheckedNetwork(hosts, resolve)
    async with httpcore2.AsyncConnectionPool(
        max_connections=limits.concurrency,
        max_keepalive_connections=limits.concurrency,
        keepalive_expiry=30.0,
        network_backend=network,
    ) as pool:
        this = _Round(iter(listed), shelf, hosts, limits, pool, refuse, len(listed))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limits.concurrency, len(listed))):
                group.create_task(this.work())
    return this.outcome
