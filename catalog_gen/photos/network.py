"""Connect to checked IP addresses only.

A name is resolved once per connection, its addresses are checked, and the connection goes to one of
them. A name server that would answer a second query differently is thus never asked again ("DNS
rebinding"). TLS still verifies the name.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore2

from catalog_gen.hosts import Address, AllowedHosts

Resolve = Callable[[str, int], Awaitable[list[str]]]


class ForbiddenAddress(Exception):
    """A listed host resolves to a forbidden address."""


async def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, from the system's resolver.

    Raises:
        OSError: the name can't be resolved.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """The network backend of the photo downloads, which connects to checked addresses only."""

    def __init__(
        self,
        hosts: AllowedHosts,
        resolve: Resolve = resolved,
        network: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self._hosts = hosts
        self._resolve = resolve
        self._network = network or httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises:
            ForbiddenAddress: one of its addresses is not allowed.
            httpcore2.ConnectError: the name has no address, or none answers.
        """
        problem: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await self._addresses(host, port, timeout):
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                problem = error
        raise problem

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[Address]:
        try:
            async with asyncio.timeout(timeout):
                found = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"{host} can't be resolved ({error})") from error
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
        for address in addresses:
            if not self._hosts.may_connect(host, port, address):
                raise ForbiddenAddress(f"{host} resolves to {address}, which is not public")
        return addresses

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
