"""Which hosts can be listed, and what a list allows."""

import ipaddress

import pytest

from catalog_gen.hosts import AllowedHosts, checked_host


def test_hosts_as_they_are_kept() -> None:
    assert checked_host(" CDN.Shop.example ") == "cdn.shop.example"
    assert checked_host("bücher.example:8443") == "xn--bcher-kva.example:8443"
    assert checked_host("127.0.0.1:8000") == "127.0.0.1:8000"
    assert checked_host("[::1]:8000") == "[::1]:8000"


@pytest.mark.parametrize(
    "text",
    [
        *("", "https://cdn.shop.example", "cdn.shop.example/photos", "*.shop.example", "shop"),
        *("localhost", "localhost:8000", "127.0.0.1", "10.0.0.1:80", "169.254.169.254:80"),
        *("93.184.215.14", "[::1]", "a..example", "cdn.shop.example:0", "me@cdn.shop.example"),
    ],
)
def test_invalid_hosts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a host|is an address"):
        checked_host(text)


def test_a_list_allows_its_hosts_and_no_similar_ones() -> None:
    hosts = AllowedHosts(["cdn.shop.example", "pim.shop.example:8443", "127.0.0.1:8000"])
    assert hosts.allow("https", "cdn.shop.example", None)
    assert hosts.allow("http", "cdn.shop.example", 80)
    assert hosts.allow("https", "pim.shop.example", 8443)
    for scheme, host, port in (
        ("https", "cdn.shop.example", 8443),
        ("https", "pim.shop.example", None),
        ("ftp", "cdn.shop.example", None),
        ("https", "a.cdn.shop.example", None),
        ("https", "cdn.shop.example.evil.example", None),
        ("https", "127.0.0.1", None),
        ("http", "localhost", 8000),
    ):
        assert not hosts.allow(scheme, host, port)


def test_a_listed_loopback_address_opens_no_other() -> None:
    hosts = AllowedHosts(["cdn.shop.example:8000", "127.0.0.1:8000"])
    loopback = ipaddress.ip_address("127.0.0.1")
    assert hosts.may_connect("127.0.0.1", 8000, loopback)
    assert not hosts.may_connect("127.0.0.1", 8001, loopback)
    assert not hosts.may_connect("cdn.shop.example", 8000, loopback)
