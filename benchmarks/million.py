"""What each stage of a night costs with a million products and two million pictures.

Every product has two pictures of its own. Feed, products and prompts are recorded by the stages,
the pictures' rows are written by SQL, and their bytes are those of a few small pictures. Then each
stage runs in a process of its own: the first time, once more with nothing changed, and in a night
in which a hundred products have another colour. So one sees whether a stage grows with what changed
or with what is stored. The seconds leave imports out; memory is the process's peak.

With ``--keep`` the store and the figures stay, and what was measured is not measured again.

    python benchmarks/million.py [--products N] [--stages NAME ...] [--keep FOLDER] [--json]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.large import CHANGED, open_catalog, write_feed  # noqa: E402
from rig.stages import PREPARING, STAGES  # noqa: E402
from rig.steps import Figures, in_process, measured  # noqa: E402

VIEWS: Final = ("packshot", "lifestyle")
#: When a stage is measured, in this order.
TIMES: Final = ("first", "nothing changed", f"{CHANGED} changed")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--keep", type=Path, help="keep the store here, and use what is there")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", choices=(*PREPARING, *STAGES), help=argparse.SUPPRESS)
    parser.add_argument("--feed", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        print(json.dumps(step(arguments.step, arguments.feed, arguments.home)))
        return
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        figures = measure(arguments.keep, arguments.products, arguments.stages)
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(Path(folder), arguments.products, arguments.stages)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{arguments.products:,} products, {2 * arguments.products:,} pictures\n")
    print(f"{'stage':15} {'':16} {'seconds':>9} {'processor':>9} {'peak MB':>8} {'done':>10}")
    for name, each in figures.items():
        stage, _, time = name.partition(", ")
        print(
            f"{stage:15} {time:16} {each['seconds']:9.1f} {each['processor']:9.1f} "
            f"{each['peak_mb']:8.0f} {each['done']:10,}"
        )


def measure(folder: Path, products: int, stages: Sequence[str]) -> dict[str, Figures]:
    """The figures by stage and time; those that the folder has are not measured again."""
    kept = folder / f"figures-{products}.json"
    figures: dict[str, Figures] = json.loads(kept.read_text()) if kept.exists() else {}
    before, after = folder / "before.csv", folder / "after.csv"
    for feed, changed in ((before, 0), (after, CHANGED)):
        if not feed.exists():
            write_feed(feed, products, changed=changed, repriced=False)

    def run(name: str, time: str, feed: Path) -> None:
        key = f"{name}, {time}"
        if key not in figures:
            options = ("--step", name, "--feed", str(feed), "--home", str(folder / "home"))
            figures[key] = in_process(Path(__file__), *options)
            kept.write_text(json.dumps(figures, indent=2))

    first, unchanged, later = TIMES
    run("record", first, before)
    run("draw and judge", first, before)
    for name in stages:
        if name not in ("plan", "judge"):
            run(name, first, before)
    for name in stages:
        run(name, unchanged, before)
    if "plan" in stages:
        run("plan", later, after)
    run("record", later, after)
    run("draw", later, after)
    for name in stages:
        if name != "plan":
            run(name, later, after)
    return figures


def step(name: str, feed: Path, home: Path) -> Figures:
    """One step, in this process."""
    catalog = open_catalog(feed, home, apart=True, views=VIEWS)
    work = {**PREPARING, **STAGES}[name]
    return measured(lambda: work(catalog))


if __name__ == "__main__":
    main()
