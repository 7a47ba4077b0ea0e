"""moto's S3 server on loopback, and what goes wrong between it and us."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Start = Callable[..., Any]
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The token has expired.</Message></Error>"


@dataclass
class Faulty:
    """A WSGI application before moto's that spoils requests; ``fault`` names how, per request."""

    inner: Any
    fault: Callable[[dict[str, Any]], str] = lambda _: ""
    injected: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        fault = self.fault(environ)
        if fault:
            self.injected.append(fault)
        answers = {
            "500": ("500 Internal Server Error", b""),
            "slow down": ("503 Slow Down", SLOW_DOWN),
            "denied": ("403 Forbidden", DENIED),
            "expired": ("400 Bad Request", EXPIRED),
        }
        if fault in answers:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            status, body = answers[fault]
            start(status, [("Content-Length", str(len(body)))])
            return [body]
        if fault == "swallowed":  # it says yes, and keeps half
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = environ["wsgi.input"].read(length)[: length // 2]
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            for name in [key for key in environ if key.startswith("HTTP_X_AMZ_CHECKSUM")]:
                del environ[name]
        return self._spoiled(fault, environ, start)

    def _spoiled(self, fault: str, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        captured: list[Any] = []

        def hold(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[..., None]:
            captured[:] = [status, headers]
            return lambda _: None

        body = b"".join(self.inner(environ, hold))
        status, headers = captured
        if fault == "wrong etag":
            headers = [(k, '"0123"' if k.lower() == "etag" else v) for k, v in headers]
        if fault == "truncated":
            body = body[: len(body) // 2]  # the length that was announced stays
        if fault == "flipped" and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        start(status, headers)
        return [body]


@contextmanager
def s3_server(monkeypatch: Any) -> Iterator[Faulty]:
    """A server with the bucket ``shop``, and credentials for it in the environment."""
    application = Faulty(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import boto3

    url = f"http://127.0.0.1:{server.server_port}"
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
    client.create_bucket(Bucket="shop")
    try:
        yield application
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
