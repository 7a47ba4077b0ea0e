from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.judging.selection import Candidate, best

CANDIDATES = st.builds(
    Candidate,
    image_id=st.uuids().map(str),
    number=st.integers(0, 8),
    decision=st.sampled_from(["accepted", "review", "rejected"]),
    total=st.integers(0, 10),
    margin=st.floats(-1, 1),
)


def test_accepted_beats_a_higher_total_under_review() -> None:
    accepted = Candidate("a", 3, "accepted", 8, 0.0)
    assert best([Candidate("b", 0, "review", 10, 0.5), accepted]) == accepted


def test_then_total_then_margin_then_the_lower_number() -> None:
    low = Candidate("a", 0, "accepted", 8, 0.9)
    first = Candidate("b", 1, "accepted", 9, 0.2)
    same = Candidate("c", 2, "accepted", 9, 0.2)
    wider = Candidate("d", 3, "accepted", 9, 0.3)
    assert best([low, first, same]) == first
    assert best([low, first, same, wider]) == wider


def test_nothing_to_choose_from() -> None:
    assert best([]) is None


@given(st.lists(CANDIDATES, max_size=8), st.randoms())
def test_order_does_not_matter(candidates: list[Candidate], chance: object) -> None:
    shuffled = sorted(candidates, key=lambda each: each.image_id)
    assert best(candidates) == best(shuffled) == best(list(reversed(candidates)))
