"""Pictures in a bucket, on a real S3 server, while the network and the server misbehave."""

import os
import random
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from catalog_gen.errors import StoreError
from catalog_gen.store import bucket
from catalog_gen.store.pictures.in_bucket import InBucket
from catalog_gen.store.pictures.move import move_pictures
from catalog_gen.store.verify import verify
from tests.store.azure import PROGRAM, azure_server
from tests.store.bucket import Faulty, s3_server
from tests.store.shop import Shop, mug

PLACE = "s3://shop/pictures"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    monkeypatch.setattr(bucket, "_PATIENCE", timedelta(seconds=5))
    with s3_server(monkeypatch) as server:
        yield server


def named(count: int, size: int = 2_000) -> dict[str, bytes]:
    contents = [os.urandom(size) for _ in range(count)]
    return {sha256(content).hexdigest(): content for content in contents}


def test_a_bucket_keeps_lists_and_drops(server: Faulty) -> None:
    check_keeping(InBucket(PLACE))


def check_keeping(pictures: InBucket) -> None:
    kept = named(12)
    first = next(iter(kept))
    assert pictures.get(list(kept)) == {}
    pictures.put(kept)
    pictures.put(kept)
    assert pictures.get(list(kept)) == kept
    assert dict(pictures.listed()) == dict.fromkeys(kept, 2_000)
    assert pictures.broken(kept) == set()
    pictures.drop([first, "f" * 64])
    assert pictures.broken(kept) == {first}


def test_unknown_objects_of_a_batch_are_ignored_where_a_provider_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    kept = bucket.Bucket(f"file://{tmp_path}/bucket")
    for name in ("one", "two", "three"):
        kept.put(name, name.encode())
    kept.delete(["one", "unknown", "three"])
    assert dict(kept.listed()) == {"two": 3}


@pytest.mark.skipif(PROGRAM is None, reason="needs Azurite: npm install --global azurite")
def test_azure_keeps_lists_and_drops(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with azure_server(monkeypatch, tmp_path):
        check_keeping(InBucket("az://shop/pictures"))


@pytest.mark.parametrize("fault", ["500", "slow down", "truncated", "wrong etag", "flipped"])
def test_transient_faults_are_retried(server: Faulty, fault: str) -> None:
    chance = random.Random(1)
    server.fault = lambda _: fault if chance.random() < 0.15 else ""
    pictures = InBucket(PLACE)
    kept = named(36)
    pictures.put(kept)
    assert pictures.get(list(kept)) == kept
    assert len(server.injected) > 10
    server.fault = lambda _: ""
    assert pictures.broken(kept) == set()


def test_a_bucket_that_loses_bytes_is_reported(server: Faulty) -> None:
    server.fault = lambda request: "swallowed" if request["REQUEST_METHOD"] == "PUT" else ""
    with pytest.raises(StoreError, match="gives others back"):
        InBucket(PLACE).put(named(1))


@pytest.mark.parametrize(("fault", "rule"), [("denied", "credentials"), ("expired", "expired")])
def test_lost_credentials_are_reported_and_the_pictures_wait(
    server: Faulty, shop: Shop, fault: str, rule: str
) -> None:
    shop.place = PLACE
    server.fault = lambda _: fault
    with pytest.raises(StoreError, match=rule):
        shop.refresh([mug(1), mug(2)])
    assert len(shop.outbox.pending()) == 1
    server.fault = lambda _: ""
    assert shop.draw([]).images == 2
    assert verify(shop.store, shop.outbox).damaged == ()


@pytest.mark.slow
def test_an_unreachable_server_is_reported(server: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(StoreError, match="can't be used"):
        InBucket(PLACE).put(named(1))


def test_a_catalog_moves_into_a_bucket_and_back_while_a_tenth_fails(
    server: Faulty, shop: Shop
) -> None:
    shop.refresh([mug(number) for number in range(12)])
    chance = random.Random(2)
    faults = ["500", "slow down", "truncated", "wrong etag", "flipped"]
    server.fault = lambda _: chance.choice(faults) if chance.random() < 0.1 else ""
    assert move_pictures(shop.store, PLACE).copied == 12
    shop.place = PLACE
    shop.refresh([mug(number, "blue") for number in range(12)])
    found = verify(shop.store, shop.outbox)
    assert (found.images, found.damaged) == (24, ())
    assert move_pictures(shop.store, "folder").copied == 24
    server.fault = lambda _: ""
    assert list(InBucket(PLACE).listed()) == []
    assert verify(shop.store, shop.outbox).damaged == ()


def test_a_torn_listing_is_continued(server: Faulty) -> None:
    kept = named(12)
    InBucket(PLACE).put(kept)
    faults = iter(["truncated", "500", "truncated"])
    server.fault = lambda _: next(faults, "")
    assert dict(InBucket(PLACE).listed()) == dict.fromkeys(kept, 2_000)
    assert server.injected == ["truncated", "500", "truncated"]


def test_no_credentials_appear_in_messages(server: Faulty, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    server.fault = lambda _: "denied"
    with pytest.raises(StoreError) as refused:
        InBucket(PLACE).put(named(1))
    assert "very-secret" not in f"{refused.value}{refused.value.__cause__}"
