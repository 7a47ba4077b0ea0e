"""The fetcher with a real server that misbehaves, and with names that resolve to bad addresses."""

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpcore2
import pytest

from catalog_gen.hosts import AllowedHosts
from catalog_gen.photos import shelf as shelf_module
from catalog_gen.photos.download import Limits
from catalog_gen.photos.fetcher import Fetched, fetch_photos
from catalog_gen.photos.network import CheckedNetwork, ForbiddenAddress
from catalog_gen.photos.shelf import Entry, Shelf
from catalog_gen.progress import reporting_to
from tests.photos.server import Shop, png, shop_server

LIMITS = Limits(size=100_000, seconds=1.0, tries=2, first_wait=0.01, longest_wait=5.0, patience=5)


@pytest.fixture
def shop() -> Iterator[Shop]:
    with shop_server() as server:
        yield server


def fetch(shop: Shop, folder: Path, *paths: str, limits: Limits = LIMITS) -> Fetched:
    with Shelf(folder).writing() as shelf:
        addresses = [shop.url(path) for path in paths]
        return fetch_photos(addresses, shelf, AllowedHosts([shop.host]), limits)


def entry(shop: Shop, folder: Path, path: str) -> Entry:
    return Shelf(folder).entries()[shop.url(path)]


def test_photos_are_kept_by_their_hash(shop: Shop, tmp_path: Path) -> None:
    outcome = fetch(shop, tmp_path, "/good/1.png", "/good/2.png", "/untold", "/moved")
    assert (outcome.fetched, outcome.failed) == (4, 0)
    names = {entry(shop, tmp_path, path).name for path in ("/good/1.png", "/good/2.png", "/moved")}
    (name,) = names
    assert (tmp_path / name).read_bytes() == png()
    assert name.endswith(f"{hashlib.sha256(png()).hexdigest()}.png")
    assert "gzip" not in shop.headers["/untold"]["accept-encoding"]


def test_an_unchanged_photo_costs_one_request_and_a_changed_one_is_fetched(
    shop: Shop, tmp_path: Path
) -> None:
    fetch(shop, tmp_path, "/good/1")
    first = entry(shop, tmp_path, "/good/1")
    assert fetch(shop, tmp_path, "/good/1") == Fetched(unchanged=1)
    assert shop.asked["/good/1"] == 2
    shop.shade = 100
    assert fetch(shop, tmp_path, "/good/1") == Fetched(fetched=1)
    second = entry(shop, tmp_path, "/good/1")
    assert second.name != first.name
    assert (tmp_path / first.name).exists(), "pictures were drawn from it"


def test_a_photo_whose_file_was_damaged_is_fetched_again(shop: Shop, tmp_path: Path) -> None:
    fetch(shop, tmp_path, "/good/1")
    (tmp_path / entry(shop, tmp_path, "/good/1").name).write_bytes(b"")
    assert fetch(shop, tmp_path, "/good/1") == Fetched(fetched=1)
    assert (tmp_path / entry(shop, tmp_path, "/good/1").name).read_bytes() == png()


@pytest.mark.parametrize(
    ("path", "why", "requests"),
    [
        ("/drip", "did not arrive within 1 s", 2),
        ("/huge", "is larger than 100,000 bytes", 1),
        ("/endless", "is larger than 100,000 bytes", 1),
        ("/wrong-type", "is text/plain, not a picture", 1),
        ("/page", "is text/html, not a picture", 1),
        (
            "/page-as-picture",
            "is not a JPEG, PNG, WebP, GIF, TIFF or BMP, whatever its type says",
            1,
        ),
        ("/loop", "redirects more than 5 times", 6),
        ("/truncated", "the server broke off", 2),
        ("/cut", "ends before the picture does", 2),
        ("/broken", "HTTP 500", 2),
        ("/gone", "HTTP 404", 1),
        ("/very-busy", "HTTP 503, and the server asks for a wait of 86400 s", 1),
        ("/reset", "", 2),
        ("/bomb", "came compressed (gzip), which was not requested", 1),
    ],
)
def test_a_servers_errors_fail_only_its_photo(
    shop: Shop, tmp_path: Path, path: str, why: str, requests: int
) -> None:
    started = time.monotonic()
    outcome = fetch(shop, tmp_path, path, "/good/1")
    assert (outcome.fetched, outcome.failed) == (1, 1)
    found = entry(shop, tmp_path, path)
    assert found.problem.startswith(why)
    assert found.problem
    assert found.name == ""
    assert shop.asked[path] == requests
    assert time.monotonic() - started < 20
    assert len(list(tmp_path.glob("*/*"))) == 1, "nothing of it is kept"


def test_a_failed_photo_keeps_the_former_one(shop: Shop, tmp_path: Path) -> None:
    shop.busy_for = 0
    fetch(shop, tmp_path, "/busy")
    former = entry(shop, tmp_path, "/busy")
    shop.busy_for = 99
    assert fetch(shop, tmp_path, "/busy").failed == 1
    failed = entry(shop, tmp_path, "/busy")
    assert (failed.name, failed.problem) == (former.name, "HTTP 429")


def test_a_busy_server_is_given_the_time_that_it_asks_for(shop: Shop, tmp_path: Path) -> None:
    shop.busy_for = 1
    started = time.monotonic()
    assert fetch(shop, tmp_path, "/busy") == Fetched(fetched=1)
    assert time.monotonic() - started >= 1


def test_a_redirect_to_another_host_is_not_followed(shop: Shop, tmp_path: Path) -> None:
    with shop_server() as other:
        shop.other = other.url("/good/1")
        assert fetch(shop, tmp_path, "/away").failed == 1
        assert not other.asked
        problem = entry(shop, tmp_path, "/away").problem
        assert problem == f"http://{other.host} is not among feed.fetch_photos"
    for elsewhere in (
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "//evil.example/a",
        "\\",
        "",
    ):
        shop.other = elsewhere
        assert fetch(shop, tmp_path, "/away").failed == 1


def test_a_server_that_dies_is_soon_left_alone(shop: Shop, tmp_path: Path) -> None:
    paths = ["/dies", *(f"/good/{number}" for number in range(200))]
    limits = Limits(concurrency=1, seconds=1.0, tries=2, first_wait=0.001, patience=5)
    outcome = fetch(shop, tmp_path, *paths, limits=limits)
    assert (outcome.fetched, outcome.failed) == (1, 200)
    assert entry(shop, tmp_path, "/good/2").problem.startswith("the connection failed")
    last = entry(shop, tmp_path, "/good/199").problem
    assert last.startswith("not requested: 5 photos of this host")
    with shop_server() as again:
        assert fetch(again, tmp_path, "/good/1") == Fetched(fetched=1)


def test_an_interrupted_round_of_photos_continues(shop: Shop, tmp_path: Path) -> None:
    def cut_short() -> None:
        with Shelf(tmp_path).writing() as shelf:
            fetch_photos([shop.url("/good/1")], shelf, AllowedHosts([shop.host]), LIMITS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    with (tmp_path / "journal.jsonl").open("a") as stream:
        stream.write('{"address": "http://cut of')
    assert fetch(shop, tmp_path, "/good/1", "/good/2") == Fetched(fetched=1)
    assert shop.asked == {"/good/1": 1, "/good/2": 1}
    assert fetch(shop, tmp_path, "/good/1", "/good/2") == Fetched(unchanged=2)


def test_after_a_clock_that_ran_ahead_every_photo_is_requested_again(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as clock:
        clock.setattr(shelf_module, "_now", lambda: "2999-01-01T00:00:00+00:00")
        fetch(shop, tmp_path, "/good/1")
    shop.shade = 100
    assert fetch(shop, tmp_path, "/good/1") == Fetched(fetched=1)


def test_two_rounds_write_one_after_the_other(shop: Shop, tmp_path: Path) -> None:
    outcomes: list[Fetched] = []
    second = threading.Thread(target=lambda: outcomes.append(fetch(shop, tmp_path, "/good/1")))
    with Shelf(tmp_path).writing() as shelf:
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it waits"
        fetch_photos([shop.url("/good/1")], shelf, AllowedHosts([shop.host]), LIMITS)
    second.join(20)
    assert outcomes == [Fetched(unchanged=1)]


def test_a_full_disk_ends_the_round_at_once(shop: Shop, tmp_path: Path) -> None:
    digest = hashlib.sha256(png()).hexdigest()
    (tmp_path / digest[:2]).write_text("in the way")
    started = time.monotonic()
    with pytest.raises(OSError, match=digest[:2]):
        fetch(shop, tmp_path, "/drip", "/good/1", limits=Limits(seconds=60.0))
    assert time.monotonic() - started < 10
    assert shop.url("/drip") not in Shelf(tmp_path).entries(), "it is asked for again"


def test_progress_comes_from_every_thread(shop: Shop, tmp_path: Path) -> None:
    counts: list[int] = []
    with reporting_to(lambda progress: counts.append(progress.done)):
        fetch(shop, tmp_path, *(f"/good/{number}" for number in range(12)))
    assert counts == list(range(1, 13))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::"),
        *("224.0.0.1", "255.255.255.255", "ff02::1"),
    ],
)
def test_names_that_resolve_to_private_addresses_are_refused(tmp_path: Path, address: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["93.184.215.14", address]

    with Shelf(tmp_path).writing() as shelf:
        outcome = fetch_photos(
            ["https://cdn.shop.example/1.jpg"],
            shelf,
            AllowedHosts(["cdn.shop.example"]),
            LIMITS,
            resolve=resolve,
        )
        (found,) = shelf.entries.values()
    assert outcome == Fetched(failed=1)
    assert found.problem.startswith(f"cdn.shop.example resolves to {address.split('%')[0][:7]}")


def test_a_connection_goes_to_the_address_that_was_checked() -> None:
    """A name server that answers differently the second time is not asked a second time."""
    connected: list[str] = []
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])

    def resolve(host: str, port: int) -> list[str]:
        return next(answers)

    class Line(httpcore2.NetworkBackend):
        def connect_tcp(self, host: str, *rest: object, **more: object) -> httpcore2.NetworkStream:
            connected.append(host)
            return httpcore2.NetworkStream()

    network = CheckedNetwork(AllowedHosts(["cdn.shop.example"]), resolve, Line())
    network.connect_tcp("cdn.shop.example", 443)
    with pytest.raises(ForbiddenAddress):
        network.connect_tcp("cdn.shop.example", 443)
    assert connected == ["93.184.215.14"]
