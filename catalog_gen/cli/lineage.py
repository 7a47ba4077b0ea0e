"""`catalog-gen lineage`: everything about one image, as a tree."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.markup import escape
from rich.tree import Tree

from catalog_gen.cli.output import answers, print_json
from catalog_gen.home import Home
from catalog_gen.judging.passports import Outcome, Slot, Stamped
from catalog_gen.method import described
from catalog_gen.settings.catalog import load_settings
from catalog_gen.stages.identify import identify
from catalog_gen.stages.passports import Stamper, stamp_picture
from catalog_gen.store.connection import Store
from catalog_gen.store.lineage import ProductsOf, lineage_of, products_of
from catalog_gen.store.showcase import live_views

#: Maximum number of a look's products that the tree lists.
LISTED: Final = 8

_MARKS: Final[Mapping[Outcome, str]] = {
    "passed": "[green]pass[/]",
    "failed": "[red]fail[/]",
    "coming": "[yellow]coming[/]",
    "not measured": "[dim]not measured[/]",
}


def run(image: str, config: Path, as_json: bool) -> None:
    """Print an image's origin and its channel passports as of today.

    Raises:
        InputError: no image matches, or several do.
        ConfigError: the settings or the passports can't be used.
    """
    settings = load_settings(config)
    with Store(Home.from_environment()).peek() as connection:
        facts = lineage_of(connection, identify(connection, image))
        products = products_of(connection, facts["image_id"], facts["look_id"])
        views = list(settings.views)
        if facts["live"]:
            views = live_views(connection, products.showing[0], views)
        slot: Slot = "main" if facts["view"] == views[0] else "additional"
        stamper = Stamper.of(settings, datetime.now(UTC).date())
        stamped = stamp_picture(connection, stamper, facts["image_id"], slot)
    if as_json:
        passports = {
            name: {**asdict(each), "passed": each.passed} for name, each in stamped.items()
        }
        print_json({**facts, **asdict(products), "passports": passports})
    else:
        answers.print(_with_passports(_tree(facts, products), stamped))


def _with_passports(tree: Tree, stamped: Mapping[str, Stamped]) -> Tree:
    for name, each in stamped.items():
        fate = "[green]pass[/]" if each.passed else "[red]fail[/]"
        passport = tree.add(f"[bold]passport[/] {name}  {fate}  [dim]{escape(each.title)}[/]")
        for check in each.checks:
            passport.add(f"{_MARKS[check.outcome]} {escape(check.words)}")
    return tree


def _parts(parts: Mapping[str, Any]) -> Iterator[str]:
    """What is added to the model: "lora style.safetensors, 0.8, 3f2a..."."""
    for kind, of_kind in parts.items():
        for each in of_kind if isinstance(of_kind, list) else ():
            how = [str(each[key]) for key in ("weight", "token") if key in each]
            text = ", ".join([each["file"], *how, each["sha256"][:16]])
            yield f"{kind.removesuffix('s')} {text}"


def _learned(concept: str, lesson: Mapping[str, Any]) -> str:
    """ "with concept 5c01..., lora, from photo 3f2a... for 'sks mug'"."""
    photos = ", ".join(each[:16] for each in lesson["photos"])
    learner = lesson["learner"]["name"]
    return f"with concept {concept[:16]}, {learner}, from photo {photos} as '{lesson['caption']}'"


def _tree(facts: Mapping[str, Any], products: ProductsOf) -> Tree:
    live = "[green]live[/]" if facts["live"] else "[dim]not live[/]"
    tree = Tree(f"[bold]{facts['image_id'][:16]}[/]  {facts['view']}  {live}")
    product = tree.add(
        f"[bold]product[/] {escape(facts['product_id'])}  {escape(facts['title_now'] or '')}"
    )
    for name, value in sorted((facts["product_then"] or {}).items()):
        product.add(escape(f"{name}: {value}"))
    if facts["products"] != 1:
        look = tree.add(f"[bold]look[/] {facts['look_id'][:16]}, of {facts['products']} products")
        look.add(escape(", ".join(products.asking[:LISTED])))
        if len(products.asking) > LISTED:
            look.add(f"[dim]and {len(products.asking) - LISTED} more; --json lists all[/]")
    prompt = tree.add(f"[bold]prompt[/] [dim]asked because[/] {facts['asked_because']}")
    prompt.add(escape(facts["prompt"]))
    if facts["negative_prompt"]:
        prompt.add(f"[dim]not[/] {escape(facts['negative_prompt'])}")
    recipe = tree.add(
        f"[bold]recipe[/] {described(facts['method'], facts['parameters'])}, "
        f"{facts['scheduler']}, {facts['steps']} steps, "
        f"guidance {facts['guidance']:g}, seed {facts['seed']}"
    )
    model = recipe.add(f"model {facts['model_hash'][:16]}  {escape(facts['model'] or '')}")
    for line in _parts(facts["model_parts"] or {}):
        model.add(escape(line))
    if facts["reference_sha256"]:
        recipe.add(f"from photo {facts['reference_sha256'][:16]}")
    if facts["lesson"]:
        recipe.add(escape(_learned(facts["concept_sha256"], facts["lesson"])))
    if facts["dropped_at"]:
        tree.add(
            f"[bold]bytes[/] deleted on {facts['dropped_at']:%Y-%m-%d} ([retention]); "
            f"`catalog-gen reproduce {facts['image_id'][:16]}` draws it again"
        )
    environment = facts["environment"] or {}
    made = tree.add(
        f"[bold]drawn[/] {facts['created_at']:%Y-%m-%d %H:%M:%S} in {facts['seconds']:.2f} s, "
        f"run {facts['run_id'][:8]}, shard {facts['shard']:02d}"
    )
    made.add(
        f"{environment.get('device')}, {environment.get('dtype')}, "
        f"batches of {environment.get('batch_size')}, {environment.get('threads')} threads"
    )
    made.add(", ".join(f"{k} {v}" for k, v in environment.get("libraries", {}).items()))
    if facts["similarity"] is not None:
        tree.add(
            f"[bold]score[/] similarity {facts['similarity']:.3f}, margin {facts['margin']:+.3f}"
        )
    if facts["decision"]:
        verdict = tree.add(f"[bold]verdict[/] {facts['decision']}, {facts['total']} of 10")
        for name, criterion in (facts["criteria"] or {}).items():
            verdict.add(f"{criterion['points']} {name.replace('_', ' ')}: {criterion['why']}")
        for failure in facts["hard_failures"] or ():
            verdict.add(f"[red]{failure}[/]")
        if facts["reviewer"]:
            verdict.add(
                f"{escape(facts['reviewer'])} said so: {escape(facts['review_note'] or 'no note')}"
            )
    if facts["publications"]:
        published = tree.add("[bold]published[/]")
        for shown in facts["publications"]:
            until = f"until {shown['until']}" if shown["until"] else "and live today"
            published.add(f"from publication {shown['since']} {until}")
    return tree
