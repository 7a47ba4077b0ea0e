"""Which method keeps a product's identity, against the true photos of what is asked for.

Held-out scenes are photographed on white, which is the shop's photo, and on a wooden table, from
the other angle and in another colour, which are the true answers to three edits. Each method draws
these, and the photo itself, from the photo or with what it learned from it, with the same prompts
and seeds; ``likeness.ways`` lists them, ``likeness.claims`` what papers say of them. ``--faults``
measures the signals for the four faults of kept products on true photos and on the same with one
fault planted; ``--speed`` measures how fast pictures with concepts are drawn. What was rendered,
learned and drawn is kept in ``--work``, so that a run which was stopped goes on. A way is left out
of a product whose photo it can't use.

    python benchmarks/identity.py [--work DIR] [--first N] [--scenes N] [--pictures N]
        [--faults | --speed] [--ways NAME ...] [--main] [--adapter DIR] [--steps N]
        [--curve FILE] [--json]
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from studio.command import count
from studio.photos.pairs import Pair, pairs
from studio.photos.render import SAMPLES

sys.path.insert(0, str(Path(__file__).parent))

from likeness.claims import judged
from likeness.curve import plot
from likeness.drawing import SIDE, Studio
from likeness.faults import faults
from likeness.measures import Measured, Readers, measured, of_true_photos, summary
from likeness.speed import speed
from likeness.ways import WAYS

#: Of the studio model: where ``studio.training.adapter`` writes it.
ADAPTER: Final = Path(".studio/adapter/out")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".studio/identity"))
    parser.add_argument("--scenes", type=count, default=64)
    parser.add_argument("--first", type=int, default=0, help="number of the first scene")
    parser.add_argument("--pictures", type=count, default=64, help="of each request")
    parser.add_argument("--samples", type=count, default=SAMPLES, help="paths a pixel of renders")
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=tuple(WAYS))
    parser.add_argument("--main", action="store_true", help="none that only claims need")
    parser.add_argument("--adapter", type=Path, default=ADAPTER)
    parser.add_argument("--steps", type=count, help="of each learner's phases; none: its own")
    parser.add_argument(
        "--curve", type=Path, help="an SVG or PNG of reconstruction and editability"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    scenes = pairs(given.work / "scenes", given.scenes, given.samples, given.first)
    if given.faults:
        figures = faults(scenes)
    elif given.speed:
        figures = speed(scenes, Studio(given.work, given.pictures, given.adapter), SIDE)
    else:
        studio = Studio(given.work, given.pictures, given.adapter, given.steps)
        names = [name for name in given.ways if not (given.main and WAYS[name].extra)]
        figures = compare(scenes, studio, names, Readers(given.work))
        if given.curve:
            plot(figures["ways"], given.curve)
    if given.json:
        print(json.dumps(figures, indent=2))
    elif given.faults or given.speed:
        for name, row in figures.items():
            print(f"{name:<24}{', '.join(f'{key} {value}' for key, value in row.items())}")
    else:
        print("\n".join(_tables(figures)))


def compare(
    scenes: Iterator[Pair], studio: Studio, names: Sequence[str], readers: Readers
) -> dict[str, Any]:
    """Draw every way's pictures, and measure them; see the module's docstring.

    Products whose photo can't be cut out are left out of all ways, and counted.
    """
    products: dict[str, list[Measured]] = {name: [] for name in names}
    true: list[Measured] = []
    refused = 0
    for whole in scenes:
        pair = whole.reduced(SIDE)
        rows: dict[str, Measured] = {}
        for name in names:
            drawn = studio.drawn(pair, WAYS[name])
            if drawn is None:
                break
            rows[name] = measured(pair, drawn, readers)
            print(f"scene {pair.number}: {name}", file=sys.stderr, flush=True)
        if len(rows) < len(names):
            refused += 1
            continue
        true.append(of_true_photos(pair, readers))
        for name, row in rows.items():
            products[name].append(row)
    used = len(true)
    return {
        "true": summary(true) if used else {},
        "ways": {name: summary(each) for name, each in products.items() if each},
        "claims": judged(products) if used else [],
        "photos": {"used": used, "refused": refused},
    }


def _tables(figures: Mapping[str, Any]) -> Iterator[str]:
    """Markdown: a table a request, one of the ways as a whole, one of the claims."""
    ways = figures["ways"]
    for request in next(iter(ways.values())):
        names = list(dict.fromkeys(each for row in ways.values() for each in row.get(request, ())))
        yield f"\n{request}\n"
        yield f"| method | {' | '.join(names)} |"
        yield "|---" * (len(names) + 1) + "|"
        for way, row in {**ways, "true photo": figures["true"]}.items():
            if request not in row:
                continue
            cells = (_cell(name, row[request].get(name)) for name in names)
            yield f"| `{way}` | {' | '.join(cells)} |"
    yield "\nclaims\n"
    yield "| claim | source | measure | compared | difference | here |"
    yield "|---|---|---|---|---|---|"
    for row in figures["claims"]:
        yield (
            f"| {row['claim']} | {row['source']} | {row['measure']} | `{row['more']}` - "
            f"`{row['less']}` | {row['mean']:+.3f} ± {row['half']:.3f} | {row['here']} |"
        )
    yield f"\n{figures['photos']['used']} products, {figures['photos']['refused']} left out"


def _cell(name: str, value: Mapping[str, float] | None) -> str:
    if value is None:
        return ""
    if name.startswith(("right", "read")) or name == "identical":
        return f"{100 * value['mean']:.0f} %"
    digits = 1 if name in ("colour", "ground", "seconds", "learning", "kB") else 3
    return f"{value['mean']:.{digits}f} ± {value['half']:.{digits}f}"


if __name__ == "__main__":
    main()
