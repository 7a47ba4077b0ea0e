"""`catalog-gen draw`: draw one recipe into a file, without storing it."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from catalog_gen.broken_rules import broken_rules
from catalog_gen.cli.output import answers, print_json
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.imaging.metadata import label_png
from catalog_gen.imaging.provenance import Provenance
from catalog_gen.recipe import Recipe
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.trials import draw_recipe
from catalog_gen.store.files import write_whole


def run(text: str, photo: str | None, out: Path, config: Path, as_json: bool) -> None:
    """Draw a recipe, given as JSON, and write a PNG with the recipe embedded.

    Raises:
        InputError: it is no recipe, or this model can't draw it.
    """
    try:
        recipe = Recipe.model_validate_json(text)
    except ValidationError as error:
        rules = "; ".join(f"{each.key}: {each.rule}" for each in broken_rules(error, Recipe))
        raise InputError(
            "the recipe", rules, "Copy one from `catalog-gen studio` or from lineage.recipe."
        ) from error
    catalog = Catalog.open(config, Home.from_environment())
    drawn = draw_recipe(catalog, recipe, photo)
    write_whole(out, label_png(drawn.png, Provenance(recipe, datetime.now(UTC))))
    if as_json:
        print_json({"image_id": recipe.recipe_id, "sha256": drawn.sha256, "file": str(out)})
        return
    answers.print(f"{recipe.recipe_id[:16]} in {drawn.seconds:.1f} s: {out}", soft_wrap=True)
