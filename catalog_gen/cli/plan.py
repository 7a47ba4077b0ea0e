"""`catalog-gen plan`: what the next refresh would change and draw, and what would stop it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from catalog_gen.catalog.product import Rejection
from catalog_gen.cli.budget import parse_budget
from catalog_gen.cli.ending import CommandFailure
from catalog_gen.cli.output import answers, counted, duration, feed_line, print_json
from catalog_gen.cli.preflight import require
from catalog_gen.home import Home
from catalog_gen.planning import Budget, PlanItem
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.photos import PhotoCount
from catalog_gen.stages.plan import Plan, make_plan
from catalog_gen.store.products import NamedProduct

#: Maximum number of rows in the table and of lines in a list; JSON has all of them.
SHOWN: Final = 30
LISTED: Final = 8

#: Maximum number of characters of a feed's value that are shown.
LONGEST: Final = 40

#: The mark and colour of a kind of change.
_SIGNS: Final = {"added": ("+", "green"), "changed": ("~", "yellow"), "retired": ("-", "red")}


def run(config: Path, feed: Path | None, budget: str | None, as_json: bool) -> int:
    """Make the plan and print it; return 0, or the exit code with which a refresh would stop.

    Raises:
        CatalogError: what a refresh would refuse before it had a plan.
    """
    catalog = Catalog.open(config, Home.from_environment(), feed)
    require(catalog)
    limits = catalog.settings.limits
    limit = parse_budget(budget) or Budget(limits.budget, limits.budget_seconds)
    plan = make_plan(catalog, budget=limit)
    if as_json:
        print_json(_as_json(plan))
    else:
        _print(plan)
    return plan.stops[0].exit_code if plan.stops else 0


def _as_json(plan: Plan) -> dict[str, object]:
    stops = [asdict(CommandFailure.of(error)) for error in plan.stops]
    return {
        "products": {
            name: getattr(plan.products, name)
            for name in ("active", "added", "changed", "retired", "rejected")
        },
        "product_changes": asdict(plan.diff),
        "feed": {"platform": plan.products.platform, "skipped": dict(plan.products.skipped)},
        "rejections": [asdict(each) for each in plan.rejections],
        "images": {
            "planned": len(plan.items),
            "reused": plan.reused,
            "deferred": len(plan.deferred),
        },
        "looks": asdict(plan.looks),
        "seconds": round(plan.seconds, 1),
        "items": [_item(item) for item in plan.items],
        "deferred": [_item(item) for item in plan.deferred],
        "lessons": {
            "planned": len(plan.lessons.taken),
            "deferred": len(plan.lessons.deferred),
            "seconds": round(plan.lessons.seconds, 1),
        },
        "scored_again": asdict(plan.scored_again),
        "warnings": list(plan.warnings),
        "unsupported": [asdict(product) for product in plan.unsupported],
        "photos": [asdict(product) for product in plan.photos],
        "photos_to_fetch": plan.photo_count.unasked,
        "photos_missing": [asdict(each) for each in plan.photo_count.missing],
        "photos_elsewhere": dict(plan.photo_count.elsewhere),
        "gates": list(plan.gates),
        "stops": stops,
        **({"error": stops[0]} if stops else {}),
    }


def _item(item: PlanItem) -> dict[str, object]:
    return {
        "product_id": item.product_id,
        "view": item.view,
        "reason": item.reason,
        "changed": [asdict(change) for change in item.changes],
        "seconds": round(item.seconds, 3),
        "products": item.products,
    }


def _print(plan: Plan) -> None:
    """Print the feed, the changes, what is drawn, what is left out, and what would stop it."""
    answers.print(feed_line(plan.products.platform, plan.products.skipped))
    answers.print(_counts(plan))
    listed = {kind: getattr(plan.diff, kind) for kind in _SIGNS}
    shown = (each for products in listed.values() for each in products[:LISTED])
    width = max((len(each.product_id) for each in shown), default=0)
    for kind, (sign, colour) in _SIGNS.items():
        _list_products(listed[kind], width, sign, colour)
    if plan.items:
        answers.print()
        answers.print(_table(plan.items))
    answers.print()
    answers.print(
        f"[bold]{len(plan.items)}[/] pictures, about {duration(plan.seconds)}"
        + _reasons(plan.items, otherwise="nothing changed")
    )
    lessons = plan.lessons
    if lessons.taken or lessons.deferred:
        later = f"; {len(lessons.deferred)} more are beyond the budget" if lessons.deferred else ""
        answers.print(
            f"{counted(len(lessons.taken), 'product')} will be learned first, about "
            f"{duration(lessons.seconds)}{later}."
        )
    if plan.looks.products > plan.looks.planned:
        answers.print(
            f"They stand for {plan.looks.products} product views with {plan.looks.planned} looks."
        )
    if plan.reused:
        answers.print(f"{plan.reused} pictures were drawn before and will be reused.")
    if plan.deferred:
        seconds = sum(item.seconds for item in plan.deferred)
        answers.print(
            f"[bold]{len(plan.deferred)}[/] pictures are beyond the budget and stay deferred: "
            f"about {duration(seconds)}" + _reasons(plan.deferred)
        )
    again = plan.scored_again
    if again.pictures:
        answers.print(
            f"[bold]{again.pictures}[/] stored pictures will be scored and judged again: "
            f"another {', '.join(again.changed)}."
        )
    for warning in plan.warnings:
        answers.print(f"[yellow]warning[/]: {escape(warning)}")
    _list(
        f"{counted(len(plan.rejections), 'feed row')} rejected:",
        (_rejection(each) for each in plan.rejections),
    )
    _list(
        f"{counted(len(plan.unsupported), 'product')} that can't be drawn:",
        (f"{each.product_id}: {each.why}" for each in plan.unsupported),
    )
    _list(
        f"{counted(len(plan.photos), 'photo')} that can't be read; drawing from them fails:",
        (f"{each.product_id}: {each.why}" for each in plan.photos),
    )
    _print_fetching(plan.photo_count)
    _list("What would keep the pictures from going live:", plan.gates)
    for error in plan.stops:
        answers.print(f"\n[bold red]A refresh would stop:[/] {escape(str(error))}")


def _print_fetching(photos: PhotoCount) -> None:
    if photos.unasked:
        answers.print(f"{counted(photos.unasked, 'photo')} will be fetched by a refresh.")
    _list(
        f"{counted(len(photos.missing), 'photo')} that did not come when a refresh asked last:",
        (
            f"{each.product_id}: {each.why}{'; the former one is kept' if each.kept else ''}"
            for each in photos.missing
        ),
    )
    _list(
        "Photos at hosts that feed.fetch_photos does not list:",
        (f"{host}: {count}" for host, count in photos.elsewhere.items()),
    )


def _counts(plan: Plan) -> str:
    changes = plan.products
    parts = [f"[bold]{changes.active}[/] products"]
    for kind, (sign, colour) in _SIGNS.items():
        count = getattr(changes, kind)
        parts.append(f"[{colour}]{sign} {count} {kind}[/]" if count else f"[dim]0 {kind}[/]")
    return "   ".join(parts)


def _list_products(products: Sequence[NamedProduct], width: int, sign: str, colour: str) -> None:
    for each in products[:LISTED]:
        text = f"{each.product_id:<{width}}  {each.title}"
        answers.print(f"  [{colour}]{sign}[/] {escape(text)}", overflow="ellipsis", no_wrap=True)
    if len(products) > LISTED:
        answers.print(f"  [{colour}]{sign}[/] [dim]and {len(products) - LISTED} more[/]")


def _list(title: str, lines: Iterable[str]) -> None:
    """Print a heading and the first lines, or nothing if there are no lines."""
    found = list(lines)
    if not found:
        return
    answers.print()
    answers.print(f"[yellow]{title}[/]")
    grid = Table.grid()
    grid.add_column()
    for line in found[:LISTED]:
        grid.add_row(escape(line))
    if len(found) > LISTED:
        grid.add_row(f"[dim]and {len(found) - LISTED} more; --json lists all[/]")
    answers.print(Padding(grid, (0, 0, 0, 2)))


def _reasons(items: Iterable[PlanItem], otherwise: str = "") -> str:
    reasons = Counter(item.reason for item in items)
    text = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(8)) or otherwise
    return f"   [dim]({escape(text)})[/]" if text else ""


def _rejection(each: Rejection) -> str:
    """ "line 12 (MUG-1), price 'free': a price is ..."; a whole row has no field."""
    own = f" ({_cut(each.product_id)})" if each.product_id else ""
    return f"line {each.line}{own}, {each.field or 'row'} {_cut(each.value)!r}: {each.rule}"


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


def _table(items: tuple[PlanItem, ...]) -> Table:
    """One line per product, view and reason, with the number of pictures."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Product", "View", "Reason", "Change"):
        table.add_column(column)
    for column in ("Pictures", "Seconds"):
        table.add_column(column, justify="right")
    lines: dict[tuple[str, str, str], list[PlanItem]] = {}
    for item in items:
        lines.setdefault((item.product_id, item.view, item.reason), []).append(item)
    for (product_id, view, reason), alike in list(lines.items())[:SHOWN]:
        change = "; ".join(f"{each.old or '—'} → {each.new or '—'}" for each in alike[0].changes)
        seconds = sum(item.seconds for item in alike)
        others = f" +{alike[0].products - 1}" if alike[0].products > 1 else ""
        cells = (escape(each) for each in (product_id + others, view, reason, change))
        table.add_row(*cells, str(len(alike)), f"{seconds:.1f}")
    if len(lines) > SHOWN:
        table.add_row("...", f"and {len(lines) - SHOWN} more; --json lists all")
    return table
