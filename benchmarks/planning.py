"""Measure planning of a large catalog with no changes, and with a few changed products.

Writes a feed, records it and its prompts as a refresh would (drawing nothing), then measures the
plan in fresh processes: seconds after imports, and the process's peak memory. With ``--nights`` the
same is measured after that many nights of a hundred changed products: the plan's time should grow
with the changes, not with the history.

Templates that read what few products differ in make few looks; with ``--apart`` every product has a
look of its own. The processor's seconds say more than the clock's where others work beside.

``--beside`` plans the unchanged catalog in turns with another checkout, which records it for itself
and runs its own copy of this file. The figures are medians of the processes' processor seconds,
imports included, and their ratio.

    python benchmarks/planning.py [--products N] [--nights N] [--apart] [--json]
    python benchmarks/planning.py --beside CHECKOUT [--turns N] [--products N] [--json]
"""

import argparse
import json
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, Final

from rig.large import CHANGED, open_catalog, plan, record, write_feed
from rig.steps import Figures, children_seconds, in_process, measured

from catalog_gen.stages.catalog import Catalog

ROOT: Final = Path(__file__).parent.parent
#: All that a night's judge would store, but for the criteria's words.
JUDGED: Final = """
    INSERT INTO verdicts BY NAME
    SELECT recipe_id AS image_id, 'benchmark' AS rubric, 'accepted' AS decision, 9 AS total,
        '[]' AS criteria, [] AS hard_failures, now() AS judged_at, 'benchmark' AS run_id
    FROM ledger ANTI JOIN verdicts ON image_id = recipe_id
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--nights", type=int, default=0, help="of history, after the first")
    parser.add_argument("--apart", action="store_true", help="no two products share pictures")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--beside", type=Path, help="another checkout, to compare with")
    parser.add_argument("--turns", type=int, default=5, help="of the comparison")
    parser.add_argument("--step", choices=("record", "plan"), help=argparse.SUPPRESS)
    parser.add_argument("--feed", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        work = record_made if arguments.step == "record" else plan
        catalog = open_catalog(arguments.feed, arguments.home / "home", apart=arguments.apart)
        print(json.dumps(measured(lambda: work(catalog), "planned")))
        return
    if arguments.beside:
        compared = compare(arguments.products, arguments.turns, arguments.beside)
        if arguments.json:
            print(json.dumps(compared, indent=2))
        else:
            print(
                f"{arguments.products} products, nothing changed, medians of {arguments.turns} "
                f"turns: {compared['here']:.1f} s of a processor here, {compared['there']:.1f} s "
                f"there, ratio {compared['ratio']:.2f}; peak memory {compared['here_mb']:.0f} and "
                f"{compared['there_mb']:.0f} MB"
            )
        return
    figures = measure(arguments.products, arguments.nights, *["--apart"] * arguments.apart)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name in ("nothing_changed", "some_changed", "after_nights_nothing", "after_nights_some"):
        each = figures.get(name)
        if each is None:
            continue
        print(
            f"{arguments.products} products, {name.replace('_', ' ')}: "
            f"{each['planned']} pictures planned in {each['seconds']:.1f} s, "
            f"{each['processor']:.1f} s of a processor, {each['peak_mb']:.0f} MB"
        )


def measure(products: int, nights: int, *options: str) -> dict[str, Any]:
    """Record a catalog of that size, then plan it unchanged and with some products changed.

    Then the same after some nights.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        before, after = home / "before.csv", home / "after.csv"
        write_feed(before, products)
        write_feed(after, products, changed=CHANGED)
        recorded = _step("record", before, home, *options)
        figures = {
            "products": products,
            "nights": nights,
            "recorded": recorded,
            "nothing_changed": _step("plan", before, home, *options),
            "some_changed": _step("plan", after, home, *options),
        }
        if nights:
            for night in range(1, nights + 1):
                write_feed(before, products, changed=CHANGED, shift=night)
                _step("record", before, home, *options)
            write_feed(after, products, changed=CHANGED, shift=nights + 1)
            figures["after_nights_nothing"] = _step("plan", before, home, *options)
            figures["after_nights_some"] = _step("plan", after, home, *options)
        return figures


def compare(products: int, turns: int, checkout: Path) -> dict[str, Any]:
    """Plan an unchanged catalog here and in another checkout, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        feed, sides = Path(folder) / "feed.csv", {"here": ROOT, "there": checkout}
        write_feed(feed, products)
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        memory: dict[str, list[float]] = {name: [] for name in sides}
        for name, root in sides.items():
            _step("record", feed, Path(folder) / name, root=root)
        for _ in range(turns):
            for name, root in sides.items():
                before = children_seconds()
                figures = _step("plan", feed, Path(folder) / name, root=root)
                seconds[name].append(children_seconds() - before)
                memory[name].append(figures["peak_mb"])
    here, there = median(seconds["here"]), median(seconds["there"])
    return {
        "products": products,
        "turns": turns,
        "here": here,
        "there": there,
        "ratio": here / there,
        "here_mb": median(memory["here"]),
        "there_mb": median(memory["there"]),
    }


def record_made(catalog: Catalog) -> int:
    """Record the feed, its prompts, and the ledger's rows as made and accepted."""
    recorded = record(catalog)
    with catalog.store.writing() as connection:
        connection.execute("UPDATE ledger SET status = 'made'")
        connection.execute(JUDGED)
    return recorded


def _step(name: str, feed: Path, home: Path, *options: str, root: Path = ROOT) -> Figures:
    script = root / "benchmarks" / "planning.py"
    return in_process(script, "--step", name, "--feed", str(feed), "--home", str(home), *options)


if __name__ == "__main__":
    main()
