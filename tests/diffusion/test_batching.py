from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.diffusion.batching import BatchKey, Pending, pad
from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.recipe import Recipe


def _job(seed: int, steps: int = 2) -> DrawJob:
    recipe = Recipe(
        method="text2img",
        model_hash="m",
        prompt="mug",
        negative_prompt="",
        seed=seed,
        scheduler="ddim",
        steps=steps,
        guidance=2,
        width=32,
        height=32,
    )
    return DrawJob(recipe.recipe_id, recipe)


jobs = st.lists(st.builds(_job, st.integers(0, 99), st.integers(1, 4)), max_size=40)


@given(jobs, st.integers(1, 9))
def test_every_job_is_taken_once_and_batches_share_everything(
    wanted: list[DrawJob], size: int
) -> None:
    pending, taken = Pending(wanted), []
    while pending:
        key = pending.next_key
        batch = pending.take(size)
        assert 1 <= len(batch) <= size
        assert {BatchKey.of(job.recipe) for job in batch} == {key}
        taken += batch
    assert sorted(job.recipe_id for job in taken) == sorted(job.recipe_id for job in wanted)
    for steps in range(1, 5):  # the caller's order is kept inside a group
        assert [j for j in taken if j.recipe.steps == steps] == [
            j for j in wanted if j.recipe.steps == steps
        ]


def test_jobs_that_are_put_back_come_next_and_new_groups_wait() -> None:
    first, second, other = _job(1), _job(2), _job(3, steps=4)
    pending = Pending([first, second, other])
    key = pending.next_key
    assert pending.take(2) == [first, second]
    pending.add(key.in_fp32(), [first])
    pending.put_back(key, [second])
    assert pending.take(8) == [second]
    assert pending.take(8) == [other]
    assert pending.next_key.dtype == "fp32"
    assert pending.take(8) == [first]
    assert not pending


@given(st.lists(st.integers(), min_size=1, max_size=8))
def test_padding_repeats_the_last(items: list[int]) -> None:
    padded = pad(items, 8)
    assert len(padded) == 8
    assert padded[: len(items)] == items
    assert set(padded[len(items) :]) <= {items[-1]}
