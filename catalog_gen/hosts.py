"""Hosts that photos may be fetched from, and the addresses that are forbidden behind them.

A list names hosts exactly: "cdn.shop.example" allows that name at the usual ports 80 and 443,
"cdn.shop.example:8443" only that port. A name can resolve to any address, so the address is checked
as well (server-side request forgery, CWE-918).
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_USUAL_PORTS: Final = {"http": 80, "https": 443}
#: IPv6 addresses that carry an IPv4 one, which counts (RFC 6052, section 2.1).
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def checked_host(text: str) -> str:
    """Normalise a host for a list: lower case, international names in their ASCII form.

    Raises:
        ValueError: the text is not a host, or is an address that may not be listed.
    """
    name, port = _parted(text.strip().lower())
    if address := _literal(name):
        if not address.is_loopback or not port:
            raise ValueError(
                f"'{text}' is an address; list the host's name, or for tests a loopback address "
                'with its port ("127.0.0.1:8000")'
            )
        return text.strip().lower()
    try:
        name = name.encode("idna").decode()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"'{text}' is not a host; write its whole name without https:// and path, as in "
            '"cdn.shop.example"'
        )
    return f"{name}:{port}" if port else name


class AllowedHosts:
    """A list of hosts that ``checked_host`` has normalised."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = frozenset(entries)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def allow(self, scheme: str, host: str, port: int | None) -> bool:
        """Whether a web address may be requested; ``port`` None means the scheme's usual one."""
        usual = _USUAL_PORTS.get(scheme)
        if usual is None:
            return False
        shown = f"[{host}]" if ":" in host else host
        number = port or usual
        return f"{shown}:{number}" in self._entries or (
            number in _USUAL_PORTS.values() and shown in self._entries
        )

    def may_connect(self, host: str, port: int, address: Address) -> bool:
        """Whether the address that a listed host resolved to may be connected to.

        Public addresses may, and loopback addresses that are listed themselves with this port.
        """
        if _literal(host) == address and address.is_loopback:
            return self.allow("http", host, port)
        return is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet: not private, local, multicast or reserved."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _literal(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _parted(text: str) -> tuple[str, str]:
    """A host and its port, '' if there is none; "[::1]:80" keeps its brackets."""
    name, colon, port = text.rpartition(":")
    if colon and port.isascii() and port.isdecimal() and 0 < int(port) < 65536:
        return name, port
    return text, ""
