"""The page of an experiment: what was found, the sheets, and a table of every cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from catalog_gen.experiments.advice import Advice
from catalog_gen.experiments.definition import level_text
from catalog_gen.experiments.effects import Effect
from catalog_gen.experiments.effects_plot import effects_plot
from catalog_gen.experiments.results import Result
from catalog_gen.experiments.sentences import sentence
from catalog_gen.experiments.sheet import Sheet, outcome


@dataclass(frozen=True)
class ExperimentPage:
    """What the page shows; ``advice`` and ``effects`` are of all grids, in the file's order."""

    name: str
    title: str
    written_at: datetime
    experiment_id: str
    results: Sequence[Result]
    sheets: Sequence[Sheet]
    effects: Sequence[Effect]
    advice: Sequence[Advice]


def render_page(page: ExperimentPage) -> str:
    """The page as HTML. Its pictures are files beside it, ``images/SHA256.png``."""
    environment = Environment(
        loader=PackageLoader("catalog_gen.experiments"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"level": level_text, "sentence": sentence, "outcome": outcome}
    environment.globals["effects_plot"] = effects_plot
    return environment.get_template("experiment.html.j2").render(page=page)
