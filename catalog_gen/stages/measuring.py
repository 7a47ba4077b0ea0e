"""Measure pictures against what was asked, while others are drawn."""

from collections.abc import Mapping, Sequence

from catalog_gen.catalog.product import Product
from catalog_gen.dialects.dialect import Dialect
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.fingerprint import canonical_json, sha256_file
from catalog_gen.judging.beside import WORTH_IT, Beside, Task, measured_pixels
from catalog_gen.judging.lookers import lettering_hash, signals_hash
from catalog_gen.judging.measurement import Signals
from catalog_gen.judging.picture import Asked
from catalog_gen.recipe import Recipe
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.drawer import Drawer
from catalog_gen.store.ledger import WorkItem
from catalog_gen.store.measurements import MeasurementRow, asked_by, save_measurements


def what_is_asked(asked: Mapping[str, str], product: Product, dialect: Dialect) -> Asked:
    """What a picture is measured against: the asked colour or else the product's, and the count."""
    colour = asked.get("colour", product.attributes.get("colour", ""))
    return Asked(colour, dialect.number(asked.get("count", "")))


def against(asked: Asked, photo_sha256: str | None, lettering_sha256: str | None) -> str:
    """Everything that affects a picture's measurements, as JSON; if it changes, the picture is
    measured again."""
    return canonical_json(
        {
            "colour": asked.colour,
            "count": asked.count,
            "photo": photo_sha256,
            "lettering": lettering_sha256,
            "signals": signals_hash(),
        }
    )


def is_worth_it(recipes: Sequence[Recipe]) -> bool:
    """Whether measuring these pictures is faster in separate processes."""
    return sum(measured_pixels(each.width, each.height) for each in recipes) >= WORTH_IT


class WhileDrawing:
    """Measures drawn pictures while the GPU draws the next ones."""

    def __init__(self, catalog: Catalog, work: Sequence[WorkItem], jobs: Sequence[DrawJob]) -> None:
        dialect = Drawer.of(catalog).dialect
        with catalog.store.reading() as connection:
            asked = asked_by(connection, sorted({each.prompt_id for each in work}))
        self._catalog = catalog
        self._asked = {
            each.recipe_id: what_is_asked(asked.get(each.prompt_id, {}), each.product, dialect)
            for each in work
        }
        self._jobs = {each.recipe_id: each for each in jobs}
        self._beside = Beside(catalog.settings.lettering)
        self._lettering = lettering_hash(catalog.settings.lettering, sha256_file)
        self._rows: list[MeasurementRow] = []

    def hand_over(self, drawn: Drawn) -> None:
        """Start measuring a picture."""
        self._rows += [self._row(*each) for each in self._beside.finished(wait=False)]
        job = self._jobs[drawn.recipe_id]
        photo = job if job.recipe.reference_sha256 else None
        task = Task(drawn.recipe_id, self._asked[drawn.recipe_id], photo)
        self._beside.hand_over(task, drawn.pixels)

    def store(self) -> None:
        """Wait for all measurements, and store them.

        Raises:
            StoreBusyError: another process holds the database.
        """
        self._rows += [self._row(*each) for each in self._beside.finished(wait=True)]
        if self._rows:
            with self._catalog.store.writing() as connection:
                save_measurements(connection, self._rows)

    def close(self) -> None:
        """Measure nothing more."""
        self._beside.close()

    def _row(self, task: Task, signals: Signals) -> MeasurementRow:
        photo = task.photo.recipe.reference_sha256 if task.photo else None
        defects = against(task.asked, photo, self._lettering)
        return MeasurementRow(task.image_id, defects, signals.to_json())
