"""`catalog-gen plan`: what a refresh would draw, why, and at what cost."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.budget import parse_budget
from catalog_gen.cli.output import answers, duration, feed_line, messages, print_json
from catalog_gen.planning import Budget, PlanItem
from catalog_gen.settings import Home
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.plan import Plan, make_plan

#: Lines of the table; JSON has them all.
SHOWN: Final = 30


def run(config: Path, feed: Path | None, budget: str | None, as_json: bool) -> None:
    """Make the plan and print it."""
    catalog = Catalog.open(config, Home.from_environment(), feed)
    limits = catalog.settings.limits
    limit = parse_budget(budget) or Budget(limits.budget, limits.budget_seconds)
    plan = make_plan(catalog, budget=limit)
    if as_json:
        print_json(_as_json(plan))
    else:
        _print(plan)


def _as_json(plan: Plan) -> dict[str, object]:
    return {
        "products": {
            name: getattr(plan.products, name)
            for name in ("active", "added", "changed", "retired", "rejected")
        },
        "feed": {"platform": plan.products.platform, "skipped": dict(plan.products.skipped)},
        "images": {
            "planned": len(plan.items),
            "reused": plan.reused,
            "deferred": len(plan.deferred),
        },
        "seconds": round(plan.seconds, 1),
        "items": [_item(item) for item in plan.items],
        "deferred": [_item(item) for item in plan.deferred],
        "warnings": list(plan.warnings),
        "unsupported": [asdict(product) for product in plan.unsupported],
    }


def _item(item: PlanItem) -> dict[str, object]:
    return {
        "product_id": item.product_id,
        "view": item.view,
        "reason": item.reason,
        "changed": [asdict(change) for change in item.changes],
        "seconds": round(item.seconds, 3),
    }


def _print(plan: Plan) -> None:
    if plan.items:
        answers.print(_table(plan.items))
    reasons = Counter(item.reason for item in plan.items)
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(8))
    answers.print(
        f"[bold]{len(plan.items)}[/] pictures, about {duration(plan.seconds)}"
        + (f"   [dim]({told})[/]" if told else "   [dim]nothing changed[/]")
    )
    if plan.reused:
        answers.print(f"{plan.reused} pictures were drawn before and will be reused.")
    if plan.deferred:
        later = Counter(item.reason for item in plan.deferred).most_common(8)
        answers.print(
            f"[bold]{len(plan.deferred)}[/] pictures are beyond the budget and stay deferred: "
            f"about {duration(sum(item.seconds for item in plan.deferred))}   "
            f"[dim]({', '.join(f'{count} {reason}' for reason, count in later)})[/]"
        )
    answers.print(feed_line(plan.products.platform, plan.products.skipped))
    if plan.products.rejected:
        answers.print(f"{plan.products.rejected} feed rows are rejected.")
    for warning in plan.warnings:
        messages.print(f"[yellow]language[/]: {escape(warning)}")
    for product in plan.unsupported:
        messages.print(f"[yellow]{escape(product.product_id)}[/]: {escape(product.why)}")


def _table(items: tuple[PlanItem, ...]) -> Table:
    """One line for each product, view and reason, with the number of pictures."""
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
        told = (escape(each) for each in (product_id, view, reason, change))
        table.add_row(*told, str(len(alike)), f"{seconds:.1f}")
    if len(lines) > SHOWN:
        table.add_row("...", f"and {len(lines) - SHOWN} more; --json lists all")
    return table
