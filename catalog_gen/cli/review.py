"""`catalog-gen review`: what waits for a person, and what the person says."""

import getpass
import json
from datetime import UTC, datetime
from typing import Final

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, print_json
from catalog_gen.decision import PersonsDecision
from catalog_gen.settings import Home
from catalog_gen.stages.identify import identify
from catalog_gen.store.connection import Store
from catalog_gen.store.verdicts import ToReview, save_review, unreviewed

#: Lines of the table; JSON has more.
SHOWN: Final = 30
_MOST: Final = 10_000


def run_list(as_json: bool) -> None:
    """List pictures that wait for a person, the best first."""
    with Store(Home.from_environment()).reading() as connection:
        waiting = unreviewed(connection, _MOST)
    if as_json:
        print_json({"waiting": [_item(each) for each in waiting]})
        return
    if not waiting:
        answers.print("Nothing waits for a person.")
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Image", "Product", "View", "Total", "Why"):
        table.add_column(column)
    for each in waiting[:SHOWN]:
        why = escape(_why(each))
        table.add_row(each.image_id[:12], escape(each.product_id), each.view, str(each.total), why)
    answers.print(table)
    if len(waiting) > SHOWN:
        answers.print(f"... and {len(waiting) - SHOWN} more; --json lists them.")
    answers.print(
        "Say what you think of one: catalog-gen review IMAGE --accept (or --reject); "
        "catalog-gen gallery --open shows them."
    )


def run_decide(image: str, decision: PersonsDecision, note: str, as_json: bool) -> None:
    """Keep a person's word on one picture; it counts from the next refresh on.

    Raises:
        InputError: no stored image, or more than one, has that name.
    """
    reviewer = getpass.getuser()
    with Store(Home.from_environment()).writing() as connection:
        image_id = identify(connection, image)
        save_review(
            connection,
            image_id,
            decision,
            reviewer=reviewer,
            note=note,
            now=datetime.now(UTC),
        )
    if as_json:
        print_json({"image_id": image_id, "decision": decision, "reviewer": reviewer})
        return
    answers.print(f"{image_id[:12]} is {decision} by {reviewer}, from the next refresh on.")


def _item(each: ToReview) -> dict[str, object]:
    return {
        "image_id": each.image_id,
        "product_id": each.product_id,
        "view": each.view,
        "total": each.total,
        "why": _why(each),
    }


def _why(each: ToReview) -> str:
    """The sentence of the criterion that lost most."""
    criteria = json.loads(each.criteria)
    if not criteria:
        return ""
    worst = min(criteria.values(), key=lambda score: score["points"])
    return str(worst["why"]).split(";")[0]
