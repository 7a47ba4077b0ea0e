"""Download one photo over HTTP, with limits on host, size, time and format.

Redirects are followed only to listed hosts. Content-encoded responses are refused and never
decompressed, which rules out decompression bombs. The bytes must be those of a complete picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpcore2
import httpx2

from catalog_gen.hosts import AllowedHosts
from catalog_gen.imaging.formats import picture_format, why_not_whole
from catalog_gen.photos.network import ForbiddenAddress, within

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Content types that say nothing about the format; the bytes decide.
_UNTOLD: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_HEADERS: Final = {
    "User-Agent": "catalog-gen",
    "Accept": "image/jpeg, image/png, image/webp;q=0.9, image/*;q=0.5",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the size and time of one photo, and on the load on a shop's server.

    Attributes:
        concurrency: photos downloaded at the same time.
        size: largest photo in bytes.
        seconds: time limit of one attempt, from resolving the name to the last byte.
        tries: attempts per photo if the server is busy or fails.
        longest_wait: longest ``Retry-After`` that is honoured, in seconds; beyond it we give up.
        patience: consecutive failures after which a host counts as gone.
    """

    concurrency: int = 8
    size: int = 32 * 1024**2
    seconds: float = 30.0
    tries: int = 3
    first_wait: float = 0.5
    longest_wait: float = 60.0
    redirects: int = 5
    patience: int = 20


@dataclass(frozen=True, slots=True)
class Known:
    """The validators that the server sent with the stored photo (RFC 9110, section 8.8)."""

    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A downloaded photo. ``suffix`` is the usual file suffix of its format."""

    content: bytes
    suffix: str
    known: Known


class NotFetched(Exception):
    """Why a photo was not downloaded.

    Attributes:
        passing: whether another attempt may help; ``wait`` is the server's ``Retry-After`` in
            seconds.
        of_host: whether the cause is the host rather than this photo alone.
    """

    def __init__(
        self, why: str, *, passing: bool = False, of_host: bool = False, wait: float = 0.0
    ) -> None:
        super().__init__(why)
        self.why = why
        self.passing = passing
        self.of_host = of_host
        self.wait = wait


def download(
    pool: httpcore2.ConnectionPool,
    url: httpx2.URL,
    known: Known,
    hosts: AllowedHosts,
    limits: Limits,
) -> Photo | None:
    """Download a photo in one attempt; None if the stored one is still current.

    Raises:
        NotFetched: the download failed or was refused.
    """
    try:
        with within(limits.seconds):
            return _followed(pool, url, known, hosts, limits)
    except httpcore2.TimeoutException:
        why = f"did not arrive within {limits.seconds:g} s"
        raise NotFetched(why, passing=True, of_host=True) from None
    except ForbiddenAddress as error:
        raise NotFetched(str(error)) from None
    except httpcore2.UnsupportedProtocol as error:
        raise NotFetched(str(error)) from None
    except (httpcore2.NetworkError, OSError) as error:
        why = f"the connection failed ({str(error) or type(error).__name__})"
        raise NotFetched(why, passing=True, of_host=True) from None
    except (httpcore2.ProtocolError, httpcore2.ProxyError) as error:
        why = f"the server broke off or violated HTTP ({error})"
        raise NotFetched(why, passing=True) from None


def _followed(
    pool: httpcore2.ConnectionPool,
    url: httpx2.URL,
    known: Known,
    hosts: AllowedHosts,
    limits: Limits,
) -> Photo | None:
    target: httpx2.URL | None = url
    headers = [*_HEADERS.items()]
    if known.etag:
        headers.append(("If-None-Match", known.etag))
    if known.modified:
        headers.append(("If-Modified-Since", known.modified))
    for _ in range(limits.redirects + 1):
        if target is None:
            raise NotFetched("redirects to something that is not a web address")
        url = target
        if not hosts.allow(url.scheme, url.host, url.port):
            where = f"{url.scheme}://{url.netloc.decode('ascii')}"
            raise NotFetched(f"{where} is not among feed.fetch_photos")
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), limits.seconds)
        with pool.stream(
            "GET",
            str(url),
            headers=headers,
            extensions={"timeout": timeout},
        ) as response:
            fields = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            if response.status not in _REDIRECTS:
                return _answer(response, fields, known, limits)
            target = _joined(url, fields.get("location", ""))
            if target is not None and url.scheme == "https" and target.scheme == "http":
                raise NotFetched("redirects from https to http")
    raise NotFetched(f"redirects more than {limits.redirects} times")


def _answer(
    response: httpcore2.Response, fields: Mapping[str, str], known: Known, limits: Limits
) -> Photo | None:
    status = response.status
    if status == 304 and known != Known():
        return None
    if status in _TRANSIENT:
        wait = _retry_after(fields.get("retry-after", ""))
        raise NotFetched(f"HTTP {status}", passing=True, of_host=True, wait=wait)
    if status != 200:
        raise NotFetched(f"HTTP {status}")
    kind = fields.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _UNTOLD and not kind.startswith("image/"):
        raise NotFetched(f"is {kind[:80]}, not a picture")
    if fields.get("content-encoding", "identity").strip().lower() != "identity":
        raise NotFetched(
            f"came compressed ({fields['content-encoding'][:40]}), which was not requested"
        )
    content = _body(response, fields, limits.size)
    found = picture_format(content)
    if found is None:
        raise NotFetched("is not a JPEG, PNG, WebP, GIF, TIFF or BMP, whatever its type says")
    if why := why_not_whole(content, found):
        raise NotFetched(why, passing=True)
    known = Known(fields.get("etag", ""), fields.get("last-modified", ""))
    return Photo(content, found.suffix, known)


def _body(response: httpcore2.Response, fields: Mapping[str, str], most: int) -> bytes:
    length = fields.get("content-length", "")
    content = bytearray()
    if not (length.isdecimal() and int(length) > most):
        for part in response.iter_stream():
            content += part
            if len(content) > most:
                break
        else:
            return bytes(content)
    raise NotFetched(f"is larger than {most:,} bytes")


def parsed(address: str) -> httpx2.URL | None:
    """A web address with a host, without user and fragment; None if the text is not one."""
    try:
        url = httpx2.URL(address.strip())
    except (httpx2.InvalidURL, ValueError, TypeError):
        return None
    web = url.scheme in ("http", "https") and url.host
    if not web or url.userinfo:
        return None
    return url.copy_with(fragment=None) if url.fragment else url


def _joined(url: httpx2.URL, location: str) -> httpx2.URL | None:
    try:
        return parsed(str(url.join(location))) if location else None
    except (httpx2.InvalidURL, ValueError):
        return None


def _retry_after(text: str) -> float:
    """Seconds from now, given as a date or a number (RFC 9110, section 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
