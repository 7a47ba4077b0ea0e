"""`catalog-gen studio`: serve the application on the loopback interface, to this machine alone."""

from pathlib import Path
from typing import Final

from starlette.middleware import Middleware
from streamlit.starlette import App

from catalog_gen.home import Home
from catalog_gen.same_origin import App as Application
from catalog_gen.same_origin import Receive, SameOriginOnly, Scope, Send
from catalog_gen.stages.catalog import Catalog
from catalog_gen.web.desk import open_desk
from catalog_gen.web.theme import THEME

SCRIPT: Final = Path(__file__).with_name("app.py")
_ADDRESS: Final = "127.0.0.1"

#: No statistics, no watching of files, no pages of another company that may steer this one.
_OPTIONS: Final = {
    "browser.gatherUsageStats": False,
    "client.allowedOrigins": [],
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
    "server.address": _ADDRESS,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 64,  # megabytes: the largest photo that is decoded
    "server.showEmailPrompt": False,
}

#: The browser itself lets no request leave the machine. Streamlit's script sets styles in place,
#: compiles code for charts, and fetches recordings from the page's own memory (blob:).
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' blob:",
        "font-src 'self' data:",
        "frame-ancestors 'none'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "object-src 'none'",
        "script-src 'self' 'unsafe-eval' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "worker-src 'self' blob:",
    )
)


class Sealed:
    """ASGI middleware: every answer forbids the browser to ask any other machine for anything."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the policy to the answer's headers."""

        async def sealed(message: Scope) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", _POLICY.encode())
                message = {**message, "headers": [*message.get("headers", ()), policy]}
            await send(message)

        await self._app(scope, receive, sealed)


def application(port: int) -> App:
    """The application behind its guards."""
    return App(
        SCRIPT.absolute(), middleware=[Middleware(SameOriginOnly, port=port), Middleware(Sealed)]
    )


def run(config: Path, port: int) -> int:
    """Serve until interrupted.

    Raises:
        ConfigError: the settings can't be used.
    """
    with open_desk(Catalog.open(config, Home.from_environment()), config):
        application(port).run(config={**_OPTIONS, **THEME, "server.port": port})
    return 0
