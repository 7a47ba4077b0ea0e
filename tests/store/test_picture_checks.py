"""A share of the pictures is checked every night, all of them in turn, broken ones every time."""

from datetime import UTC, datetime

from catalog_gen.store.connection import Store
from catalog_gen.store.picture_checks import SLICES, due_slices, record_checks, slice_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def night(store: Store, sizes: dict[int, int], broken: dict[int, list[str]]) -> frozenset[int]:
    with store.reading() as connection:
        due = due_slices(connection, sizes, nights=10)
    with store.writing() as connection:
        record_checks(connection, {each: sizes[each] for each in due}, broken, "night", NOW)
    return due


def test_everything_is_checked_within_the_configured_nights(store: Store) -> None:
    sizes = dict.fromkeys(range(SLICES), 5_000)
    nights = [night(store, sizes, {}) for _ in range(10)]
    assert {len(due) for due in nights} == {26}
    assert frozenset().union(*nights) == frozenset(range(SLICES))
    # The longest ago first: the eleventh night begins anew.
    assert night(store, sizes, {}) >= nights[0] - nights[9]


def test_a_small_catalog_is_checked_every_night(store: Store) -> None:
    sizes = {slice_of("0a" + 62 * "0"): 3, slice_of("ff" + 62 * "0"): 900}
    assert [night(store, sizes, {}) for _ in range(3)] == [frozenset({10, 255})] * 3


def test_a_slice_with_a_broken_picture_is_checked_until_it_is_whole(store: Store) -> None:
    sizes = dict.fromkeys(range(SLICES), 5_000)
    first = min(night(store, sizes, {0: ["00" * 32]}))
    assert first == 0
    assert 0 in night(store, sizes, {0: ["00" * 32]})
    assert 0 in night(store, sizes, {})
    assert 0 not in night(store, sizes, {})
