"""Refuse cross-site requests to a server on this machine.

A server on the loopback interface has no login, since only this machine reaches it; but any page
that a browser on this machine shows can send it requests (an image, a form, a script after DNS
rebinding). Three headers identify them and can't be forged by a page: Host, Origin and
Sec-Fetch-Site (Fetch Metadata Request Headers, W3C).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REFUSED: Final = (
    b"Refused: this request comes from another site, or names another host. "
    b"Open the address that catalog-gen printed.\n"
)


class SameOriginOnly:
    """ASGI middleware in front of a server on the loopback interface.

    Args:
        allowed: names under which a proxy serves it, too: ``host``, or ``host:port`` if the port is
            not the scheme's own.
        guarded: paths that change something; links from other sites must not lead there.
    """

    def __init__(
        self,
        app: App,
        port: int,
        allowed: Collection[str] = (),
        guarded: Collection[str] = (),
    ) -> None:
        self._app = app
        self._guarded = guarded
        own = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._hosts = own.union(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass same-origin requests on; answer others with 403, or close the websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if self._is_own(scope, headers):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            kind = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 403, "headers": kind})
            await send({"type": "http.response.body", "body": _REFUSED})

    def _is_own(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        if headers.get("host", "") not in self._hosts:
            return False
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] not in self._hosts:
            return False
        guarded = any(part in scope["path"] for part in self._guarded)
        if guarded and b"query" in parse_qs(scope.get("query_string", b"")):
            return False  # an image of an old browser, which sends neither Origin nor Sec-Fetch-*
        site = headers.get("sec-fetch-site", "none")
        if site in ("same-origin", "none"):
            return True
        is_link = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
        return is_link and headers.get("sec-fetch-dest") == "document" and not guarded
