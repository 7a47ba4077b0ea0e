"""A shop's server on loopback whose paths determine its behaviour, for the fetcher's tests."""

import gzip
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET
from typing import Any


def png(shade: int = 200, noise: int = 0) -> bytes:
    """A grey 16x16 PNG; ``noise`` more bytes of text make it larger."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    rows = b"".join(b"\0" + bytes([shade]) * 16 for _ in range(16))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 0, 0, 0, 0))
        + (chunk(b"tEXt", b"Comment\0" + b"x" * noise) if noise else b"")
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


#: Fifty megabytes, packed once: no client waits for that.
_BOMB = gzip.compress(b"\0" * 50_000_000)


class Shop(ThreadingHTTPServer):
    """``asked`` counts requests by path; ``shade`` is that of the photos at ``/good``, and
    ``files`` are what ``/shown`` has."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.shade = 200
        self.busy_for = 0
        self.other = ""
        self.files: dict[str, bytes] = {}

    def die(self) -> None:
        """Stop listening, like a server whose machine goes down."""
        self.shutdown()
        self.server_close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Shop
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        return None

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.asked[path] += 1
        self.server.headers[path] = {name.lower(): value for name, value in self.headers.items()}
        try:
            getattr(self, path.split("/")[1].replace("-", "_").split(".")[0])()
        except OSError:
            self.close_connection = True

    def answer(self, body: bytes, kind: str = "image/png", status: int = 200, **more: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), "content-type": kind, **more}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self) -> None:
        photo = png(self.server.shade)
        tag = f'"{zlib.crc32(photo)}"'
        if self.headers.get("if-none-match") == tag:
            self.answer(b"", status=304, etag=tag)
        else:
            self.answer(photo, etag=tag)

    def shown(self) -> None:
        self.answer(self.server.files[self.path])

    def untold(self) -> None:
        self.answer(png(), kind="application/octet-stream")

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.end_headers()
        self.close_connection = True
        for byte in png():
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    def huge(self) -> None:
        self.answer(png(noise=200_000))

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(png())
        while True:
            self.wfile.write(b"\0" * 10_000)

    def wrong_type(self) -> None:
        self.answer(png(), kind="text/plain; charset=utf-8")

    def page(self) -> None:
        self.answer(b"<html>please log in</html>", kind="text/html")

    def page_as_picture(self) -> None:
        self.answer(b"<html>please log in</html>", kind="image/jpeg")

    def loop(self) -> None:
        self.answer(b"", status=302, location="/loop")

    def moved(self) -> None:
        self.answer(b"", status=301, location="/good/moved")

    def away(self) -> None:
        self.answer(b"", status=302, location=self.server.other)

    def truncated(self) -> None:
        photo = png()
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.send_header("content-length", str(len(photo)))
        self.end_headers()
        self.wfile.write(photo[:-20])
        self.close_connection = True

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "image/png")
        self.end_headers()
        self.wfile.write(png()[:-20])
        self.close_connection = True

    def broken(self) -> None:
        self.answer(b"", status=500)

    def gone(self) -> None:
        self.answer(b"", status=404)

    def busy(self) -> None:
        if self.server.asked[self.path] <= self.server.busy_for:
            self.answer(b"", status=429, retry_after="1")
        else:
            self.answer(png())

    def very_busy(self) -> None:
        self.answer(b"", status=503, retry_after="86400")

    def reset(self) -> None:
        self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def bomb(self) -> None:
        self.answer(_BOMB, content_encoding="gzip")

    def dies(self) -> None:
        """The whole server is gone after the first such request."""
        self.answer(png())
        self.close_connection = True
        threading.Thread(target=self.server.die).start()


@contextmanager
def shop_server() -> Iterator[Shop]:
    """A running server."""
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
