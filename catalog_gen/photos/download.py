"""One photo over HTTP, within bounds on place, size, time and kind.

Redirects are followed within the list of hosts. Nothing is unpacked: a server that packs a picture
unasked is refused, and so is a bomb. What arrives must be a whole picture by its own bytes.
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
from catalog_gen.photos.network import ForbiddenAddressError, within

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TRANSIENT: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Content types that say nothing; the bytes decide.
_UNTOLD: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_HEADERS: Final = {
    "User-Agent": "catalog-gen",
    "Accept": "image/jpeg, image/png, image/webp;q=0.9, image/*;q=0.5",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one photo may take, and how hard a shop's server may be asked.

    Attributes:
        concurrency: photos that are on their way at a time.
        size: bytes of a photo.
        seconds: of one try, from the name's resolution to the last byte.
        tries: of a photo whose server is busy or falters.
        longest_wait: seconds that a server may ask us to wait (``Retry-After``) before we give up.
        patience: photos of a host that fail in a row before the host counts as gone.
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
    """What the server said of the photo that we have: its validators (RFC 9110, section 8.8)."""

    etag: str = ""
    modified: str = ""


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as it came. ``suffix`` is its format's usual ending."""

    content: bytes
    suffix: str
    known: Known


class DownloadError(Exception):
    """Why a photo did not come.

    Attributes:
        passing: whether another try may help; ``wait`` are the seconds that the server asked for.
        of_host: whether it says something about the host, and not about this photo alone.
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
    """Fetch a photo, one try; None: it is still the one that we have.

    Raises:
        DownloadError: it did not come.
    """
    try:
        with within(limits.seconds):
            return _followed(pool, url, known, hosts, limits)
    except httpcore2.TimeoutException:
        why = f"did not arrive within {limits.seconds:g} s"
        raise DownloadError(why, passing=True, of_host=True) from None
    except ForbiddenAddressError as error:
        raise DownloadError(str(error)) from None
    except httpcore2.UnsupportedProtocol as error:
        raise DownloadError(str(error)) from None
    except (httpcore2.NetworkError, OSError) as error:
        why = f"the connection failed ({str(error) or type(error).__name__})"
        raise DownloadError(why, passing=True, of_host=True) from None
    except (httpcore2.ProtocolError, httpcore2.ProxyError) as error:
        why = f"the server broke off or off the rules ({error})"
        raise DownloadError(why, passing=True) from None


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
            raise DownloadError("redirects to what is no address of the web")
        url = target
        if not hosts.allow(url.scheme, url.host, url.port):
            where = f"{url.scheme}://{url.netloc.decode('ascii')}"
            raise DownloadError(f"{where} is not among feed.fetch_photos")
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), limits.seconds)
        with pool.stream(
            "GET",
            str(url),
            headers=headers,
            extensions={"timeout": timeout},
        ) as response:
            told = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in response.headers
            }
            if response.status not in _REDIRECTS:
                return _answer(response, told, known, limits)
            target = _joined(url, told.get("location", ""))
            if target is not None and url.scheme == "https" and target.scheme == "http":
                raise DownloadError("redirects from https to http")
    raise DownloadError(f"redirects more than {limits.redirects} times")


def _answer(
    response: httpcore2.Response, told: Mapping[str, str], known: Known, limits: Limits
) -> Photo | None:
    status = response.status
    if status == 304 and known != Known():
        return None
    if status in _TRANSIENT:
        wait = _retry_after(told.get("retry-after", ""))
        raise DownloadError(f"HTTP {status}", passing=True, of_host=True, wait=wait)
    if status != 200:
        raise DownloadError(f"HTTP {status}")
    kind = told.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _UNTOLD and not kind.startswith("image/"):
        raise DownloadError(f"is {kind[:80]}, no picture")
    if told.get("content-encoding", "identity").strip().lower() != "identity":
        raise DownloadError(
            f"came packed ({told['content-encoding'][:40]}), which was not asked for"
        )
    content = _body(response, told, limits.size)
    found = picture_format(content)
    if found is None:
        raise DownloadError("is no JPEG, PNG, WebP, GIF, TIFF or BMP, whatever its type says")
    if why := why_not_whole(content, found):
        raise DownloadError(why, passing=True)
    return Photo(content, found.suffix, Known(told.get("etag", ""), told.get("last-modified", "")))


def _body(response: httpcore2.Response, told: Mapping[str, str], most: int) -> bytes:
    length = told.get("content-length", "")
    content = bytearray()
    if not (length.isdecimal() and int(length) > most):
        for part in response.iter_stream():
            content += part
            if len(content) > most:
                break
        else:
            return bytes(content)
    raise DownloadError(f"is larger than {most:,} bytes")


def parsed(address: str) -> httpx2.URL | None:
    """An address of the web with a host, without a user and fragment; None: it is none."""
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
    """Seconds from now; a date or a number (RFC 9110, section 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
