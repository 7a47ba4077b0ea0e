"""Connections to addresses that were checked, and to no others, within a deadline.

A name is resolved once per connection, its addresses are checked, and the connection goes to one of
them. A name server that would answer a second query differently is thus never asked again ("DNS
rebinding"). TLS still verifies the name.
"""

import ipaddress
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final
from weakref import WeakSet

import httpcore2

from catalog_gen.hosts import Address, AllowedHosts

Resolve = Callable[[str, int], list[str]]

#: When this thread's try ends, on the monotonic clock.
_DEADLINE: Final[ContextVar[float]] = ContextVar("deadline", default=math.inf)


class ForbiddenAddress(Exception):
    """A listed host resolves to a forbidden address."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound the time of everything that this thread does on the network in the block.

    A server that sends a byte now and then meets each read's timeout, but not this.
    """
    token = _DEADLINE.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it.

    Raises:
        OSError: the name can't be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore2.NetworkBackend):
    """The network as the photos' fetcher may use it, from several threads."""

    def __init__(
        self,
        hosts: AllowedHosts,
        resolve: Resolve = resolved,
        network: httpcore2.NetworkBackend | None = None,
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._network = network or httpcore2.SyncBackend()
        self._resolvers = ThreadPoolExecutor(4, "resolve")  # a system's resolver has no timeout
        self._open: WeakSet[_BoundedStream] = WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first of the host's addresses that answers.

        Raises:
            ForbiddenAddress: one of its addresses is not allowed.
            httpcore2.ConnectError: the name has no address, or none answers.
        """
        problem: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in self._addresses(host, port, _left(timeout)):
            try:
                stream = self._network.connect_tcp(
                    str(address), port, _left(timeout), local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                problem = error
            else:
                return self._bounded(stream)
        raise problem

    def abort(self) -> None:
        """Break every open connection: who reads from one, in another thread, gets an error."""
        for stream in list(self._open):
            stream.abort()

    def close(self) -> None:
        self._resolvers.shutdown(wait=False)

    def _bounded(self, stream: httpcore2.NetworkStream) -> "_BoundedStream":
        bounded = _BoundedStream(stream)
        self._open.add(bounded)
        return bounded

    def _addresses(self, host: str, port: int, timeout: float | None) -> list[Address]:
        try:
            found = self._resolvers.submit(self._resolve, host, port).result(timeout)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} can't be resolved ({error})") from error
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
        for address in addresses:
            if not self._hosts.may_connect(host, port, address):
                raise ForbiddenAddress(f"{host} resolves to {address}, which is not public")
        return addresses

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _BoundedStream(httpcore2.NetworkStream):
    """A connection that obeys the deadline of the thread that uses it."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        self._stream = self._stream.start_tls(ssl_context, server_hostname, _left(timeout))
        return self

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def abort(self) -> None:
        with suppress(OSError):  # it is closed already
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def _left(timeout: float | None) -> float | None:
    """The shorter of a timeout and the time until the deadline, in seconds.

    Raises:
        httpcore2.ReadTimeout: the deadline has passed.
    """
    left = _DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the deadline has passed")
    if timeout is not None:
        left = min(left, timeout)
    return None if math.isinf(left) else left
