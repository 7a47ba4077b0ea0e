"""Plan an unchanged catalog, in turns with Metaxy (https://github.com/anam-org/metaxy).

Metaxy finds what is stale from the versions of fields, in DuckDB, as our planning does. Both get
the same feed: products, and two views that read all of their fields but the price. Metaxy's side is
a root feature and two that depend on it, resolved by ``resolve_update``; Polars reads its CSV. Ours
is ``make_plan``, which reads and validates the feed. Figures are medians of the processor seconds
of a process each, imports left out, and of its peak memory.

Metaxy needs an environment of its own, since it must never enter ours:

    uv venv FOLDER && uv pip install --python FOLDER \
        "metaxy[duckdb]==0.1.11" "duckdb<2" "sqlglot<29"
    python benchmarks/beside_metaxy.py --venv FOLDER [--products N] [--turns N] [--json]

Its DuckDB extension for faster hashes is left out, and it hashes by MD5, which DuckDB has.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Final

from rig.steps import Figures, in_process, measured

OURS: Final = Path(__file__).parent / "million.py"
FIELDS: Final = ("title", "product_type", "color", "material")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--venv", type=Path, help="the environment with Metaxy")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--step", choices=_STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--feed", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        for module in ("metaxy.ext.duckdb", "ibis.backends.duckdb", "polars"):
            import_module(module)  # not measured
        work = partial(_STEPS[arguments.step], arguments.feed, arguments.home)
        print(json.dumps(measured(work)))
        return
    if arguments.venv is None:
        parser.error("--venv is required")
    with tempfile.TemporaryDirectory() as folder:
        figures = compare(Path(folder), arguments.products, arguments.turns, arguments.venv)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{arguments.products:,} products, nothing changed, medians of {arguments.turns} turns")
    for name in ("ours", *_RESOLVING):
        each = figures[name]
        print(f"{name:34} {each['processor']:6.1f} s of a processor {each['peak_mb']:6.0f} MB")
    ratio, ratio_all = figures["ratio"], figures["ratio_all"]
    print(f"ours over Metaxy's two views {ratio:.2f}, over all of its work {ratio_all:.2f}")


def compare(folder: Path, products: int, turns: int, venv: Path) -> dict[str, Any]:
    """Record the catalog on both sides, then plan it in turns."""
    from rig.large import write_feed

    feed = folder / "feed.csv"
    write_feed(feed, products)
    theirs = partial(in_process, Path(__file__), python=str(venv.absolute() / "bin" / "python"))
    options = ("--feed", str(feed), "--home")
    for name in ("record", "draw and judge"):
        in_process(OURS, "--step", name, *options, str(folder / "ours"))
    theirs("--step", "record", *options, str(folder / "theirs"))
    turned: dict[str, list[Figures]] = {name: [] for name in ("ours", *_RESOLVING)}
    for _ in range(turns):
        turned["ours"].append(in_process(OURS, "--step", "plan", *options, str(folder / "ours")))
        for name in _RESOLVING:
            turned[name].append(theirs("--step", name, *options, str(folder / "theirs")))
    for name, each in turned.items():
        if found := [one["done"] for one in each if one["done"]]:
            raise RuntimeError(f"{name}: found {found} changes where nothing has changed")
    figures: dict[str, Any] = {"products": products, "turns": turns}
    for name, each in turned.items():
        kinds = ("processor", "seconds", "peak_mb")
        figures[name] = {kind: median(one[kind] for one in each) for kind in kinds}
    ours = figures["ours"]["processor"]
    figures["ratio"] = ours / figures["metaxy, two views"]["processor"]
    figures["ratio_all"] = ours / figures["metaxy, feed, product, two views"]["processor"]
    return figures


def _features() -> tuple[Any, list[Any]]:
    """The root feature, and one for each view."""
    import metaxy

    product = type(metaxy.BaseFeature)(
        "Product",
        (metaxy.BaseFeature,),
        {"__module__": __name__, "__annotations__": dict.fromkeys(("id", *FIELDS, "price"), str)},
        spec=metaxy.FeatureSpec(key="product", id_columns=["id"], fields=[*FIELDS, "price"]),
    )
    reads = metaxy.FieldDep(feature="product", fields=list(FIELDS))
    views = [
        type(metaxy.BaseFeature)(
            name.title(),
            (metaxy.BaseFeature,),
            {"__module__": __name__, "__annotations__": {"id": str}},
            spec=metaxy.FeatureSpec(
                key=name,
                id_columns=["id"],
                deps=[metaxy.FeatureDep(feature="product")],
                fields=[metaxy.FieldSpec(key="picture", deps=[reads])],
            ),
        )
        for name in ("packshot", "lifestyle")
    ]
    return product, views


def _store(home: Path) -> Any:
    from metaxy import HashAlgorithm
    from metaxy.ext.duckdb import DuckDBMetadataStore

    home.mkdir(exist_ok=True)
    store = DuckDBMetadataStore(
        home / "metaxy.duckdb", hash_algorithm=HashAlgorithm.MD5, auto_create_tables=True
    )
    store.extensions.clear()  # it would be downloaded
    return store


def _samples(feed: Path) -> Any:
    """The feed's rows with a version of each field: its value."""
    import polars

    rows = polars.read_csv(feed, infer_schema=False)
    return rows.with_columns(metaxy_provenance_by_field=polars.struct(*FIELDS, "price"))


def _record(feed: Path, home: Path) -> int:
    product, views = _features()
    with _store(home).open("w") as store:
        increment = store.resolve_update(product, samples=_samples(feed))
        store.write(product, increment.new)
        for view in views:
            store.write(view, store.resolve_update(view).new)
    return len(increment.new)


def _resolve(feed: Path, home: Path, *, root: bool) -> int:
    """The number of rows that are new, stale or orphaned."""
    product, views = _features()
    with _store(home).open("r") as store:
        increments = [store.resolve_update(product, samples=_samples(feed))] if root else []
        increments += [store.resolve_update(view) for view in views]
    return sum(len(each.new) + len(each.stale) + len(each.orphaned) for each in increments)


_RESOLVING: Final[Mapping[str, Callable[[Path, Path], int]]] = {
    "metaxy, two views": partial(_resolve, root=False),
    "metaxy, feed, product, two views": partial(_resolve, root=True),
}
_STEPS: Final[Mapping[str, Callable[[Path, Path], int]]] = {"record": _record, **_RESOLVING}


if __name__ == "__main__":
    main()
