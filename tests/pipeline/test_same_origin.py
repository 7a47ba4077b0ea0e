"""Cross-site requests from a browser are refused before they reach Dagster."""

import asyncio
from typing import Any

import pytest

from catalog_gen.same_origin import SameOriginOnly, Scope

OWN = {"host": "127.0.0.1:3000"}


def status(
    headers: dict[str, str], method: str = "POST", path: str = "/graphql", query: str = ""
) -> int:
    """The status of the response; 200 comes from the application."""
    sent: list[Any] = []

    async def application(scope: Scope, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    guard = SameOriginOnly(
        application, 3000, ["pictures.shop.example", "inside:8443"], ("/graphql",)
    )
    asyncio.run(guard(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        {"host": "localhost:3000", "origin": "http://localhost:3000"},
        OWN | {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:3000"},
        {"host": "pictures.shop.example", "origin": "https://pictures.shop.example"},
        OWN | {"origin": "https://inside:8443"},  # a proxy that names the inner host
    ],
)
def test_the_page_itself_and_scripts_of_this_machine_are_answered(headers: dict[str, str]) -> None:
    assert status(headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example:3000"},
        {"host": "127.0.0.1:3001"},
        {},
        OWN | {"origin": "http://evil.example"},
        OWN | {"origin": "null"},
        OWN | {"origin": ""},
        OWN | {"origin": "http://127.0.0.1:3000.evil.example"},
        {"host": "inside"},
        {"host": "pictures.shop.example:3000"},
        OWN | {"sec-fetch-site": "cross-site"},
        OWN | {"sec-fetch-site": "same-site"},
    ],
)
def test_other_sites_and_other_hosts_are_refused(headers: dict[str, str]) -> None:
    assert status(headers) == 403


def test_an_image_can_launch_nothing_even_in_an_old_browser() -> None:
    launch = "variables={}&query=mutation{launchRun}"
    for method in ("GET", "HEAD", "POST"):  # a form's POST, too, may have its query in the address
        assert status(OWN, method, query=launch) == 403
    image = OWN | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert status(image, "GET", query=launch) == 403


def test_a_link_from_another_site_may_open_pages_but_change_nothing() -> None:
    link = OWN | {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert status(link, "GET", "/assets") == 200
    assert status(link, "GET") == 403
    assert status(link, "POST", "/assets") == 403


def test_a_websocket_of_another_site_is_closed() -> None:
    sent: list[Any] = []

    async def application(scope: Scope, receive: Any, send: Any) -> None:
        raise AssertionError("it must not get here")

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    headers = [(b"host", b"127.0.0.1:3000"), (b"origin", b"http://evil.example")]
    scope = {"type": "websocket", "path": "/graphql", "headers": headers}
    asyncio.run(SameOriginOnly(application, 3000)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
