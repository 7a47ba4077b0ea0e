"""The parts of `make gpu-check` that need no GPU."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu_check(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_check

    yield gpu_check
    for name in [each for each in sys.modules if each == "gpu_check" or each.startswith("rig")]:
        del sys.modules[name]


def test_pictures_that_run_out_of_memory_are_all_drawn_and_the_page_says_so(gpu_check: Any) -> None:
    figure = gpu_check._short_of_memory("miniature", 12)
    assert figure.met, figure.reached
    assert figure.reached.startswith("12 of 12 (")
    page = gpu_check.page(gpu_check.card(), [figure])
    assert page.startswith("# ")
    assert f"| {figure.what} | {figure.asked} | {figure.reached} | yes |" in page
