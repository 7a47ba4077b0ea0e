"""`catalog-gen review`: list the pictures that wait for review, or decide about one."""

import getpass
import json
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.table import Table

from catalog_gen.cli.output import answers, print_json
from catalog_gen.decision import PersonsDecision
from catalog_gen.home import Home
from catalog_gen.settings.catalog import load_settings
from catalog_gen.stages.identify import identify
from catalog_gen.stages.review import decide, waiting_for_a_person
from catalog_gen.store.connection import Store
from catalog_gen.store.verdicts import ToReview, sample_to_label

#: Maximum number of rows in the table; JSON has all of them.
SHOWN: Final = 30


def run_list(config: Path, sample: int | None, as_json: bool) -> None:
    """List pictures that wait for a person, the best first; or a sample of all, for `calibrate`."""
    settings = load_settings(config)
    with Store(Home.from_environment()).reading() as connection:
        if sample is None:
            waiting = waiting_for_a_person(connection, settings)
        else:
            waiting = sample_to_label(connection, sample)
    if as_json:
        name = "waiting" if sample is None else "sample"
        print_json({name: [_item(each) for each in waiting]})
        return
    if not waiting:
        answers.print("Nothing waits for a person." if sample is None else "Nothing is left.")
        return
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("Image", "Product", "View", "Total", "Rubric", "Why"):
        table.add_column(column)
    for each in waiting[:SHOWN]:
        why = escape(_why(each))
        others = f" and {each.products - 1} more" if each.products > 1 else ""
        product = escape(each.product_id + others)
        cells = (each.image_id[:12], product, each.view, str(each.total))
        table.add_row(*cells, each.decision, why)
    answers.print(table)
    if len(waiting) > SHOWN:
        answers.print(f"... and {len(waiting) - SHOWN} more; --json lists them.")
    answers.print(
        "Say what you think of one: catalog-gen review IMAGE --accept (or --reject); "
        "catalog-gen gallery --open shows them."
    )
    if sample is None:
        answers.print(
            "For `calibrate`, label good ones too: catalog-gen review --sample 60 lists some."
        )


def run_decide(image: str, decision: PersonsDecision, note: str, as_json: bool) -> None:
    """Store a person's decision about one picture; it applies from the next refresh on.

    Raises:
        InputError: no stored image, or more than one, has that name.
    """
    reviewer = getpass.getuser()
    store = Store(Home.from_environment())
    with store.reading() as connection:
        image_id = identify(connection, image)
    decide(store, image_id, decision, reviewer=reviewer, note=note)
    if as_json:
        print_json({"image_id": image_id, "decision": decision, "reviewer": reviewer})
        return
    answers.print(f"{image_id[:12]} is {decision} by {reviewer}, from the next refresh on.")


def _item(each: ToReview) -> dict[str, object]:
    return {
        "image_id": each.image_id,
        "product_id": each.product_id,
        "view": each.view,
        "products": each.products,
        "total": each.total,
        "decision": each.decision,
        "why": _why(each),
    }


def _why(each: ToReview) -> str:
    """The reason of the criterion that lost the most points."""
    criteria = json.loads(each.criteria)
    if not criteria:
        return ""
    worst = min(criteria.values(), key=lambda score: score["points"])
    return str(worst["why"]).split(";")[0]
