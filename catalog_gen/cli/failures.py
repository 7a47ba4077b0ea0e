"""Prints what could not be drawn or learned, grouped by reason, with the next step."""

from rich.console import Console

from catalog_gen.cli.output import counted
from catalog_gen.stages.failures import FailureGroup, Outlook


def print_outlook(console: Console, left: Outlook) -> None:
    """Print the failures that people must resolve, in full, with their remedies."""
    for group in left.groups:
        _print_group(console, "picture", "drawn", group)
    for group in left.lessons:
        _print_group(console, "product", "learned", group)
    if left.groups or left.lessons:
        console.print(
            "After fixing the cause, run `catalog-gen retry` to draw it again, or materialise "
            "candidate_images of the shard in Dagster's page."
        )
    if left.rejected:
        products = sorted(
            f"{product_id} {each.view}" for each in left.rejected for product_id in each.product_ids
        )
        console.print(f"[yellow]{len(products)} rejected on every attempt[/]:", end=" ")
        console.print(", ".join(products), markup=False)
        console.print(
            "`catalog-gen review` accepts one, `catalog-gen retry --rejected` draws others."
        )
    if left.nothing_live:
        console.print("[yellow]No product has a live picture.[/]")


def _print_group(console: Console, noun: str, done: str, group: FailureGroup) -> None:
    console.print(f"[yellow]{counted(group.count, noun)} could not be {done}[/]:", end=" ")
    console.print(f"{group.rule}. {group.remedy}".strip(), markup=False)
    if group.values:
        console.print(f"  with: {', '.join(group.values)}", markup=False)
    for title, given_up in (("tried again by the next refresh", False), ("given up", True)):
        names = [
            f"{each.product_id} {each.view}" for each in group.failed if each.given_up is given_up
        ]
        if names:
            console.print(f"  {title}: {', '.join(names)}", markup=False)
