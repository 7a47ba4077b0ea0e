"""Learn products from their photos, where a view draws with concepts.

A lesson is learned once. It goes on from its checkpoint if the run before was killed, and a lesson
that fails is a row, which later nights try again within ``limits.tries``.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from duckdb import DuckDBPyConnection

from catalog_gen.concept import Lesson
from catalog_gen.errors import InputError
from catalog_gen.home import Home
from catalog_gen.imaging.decode import contain_on_white
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.planning import Budget
from catalog_gen.progress import report
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.photos import unchanged_photo
from catalog_gen.stages.selection import WantedLesson, open_lessons
from catalog_gen.stages.views import View, compile_views
from catalog_gen.store.asking import narrowed
from catalog_gen.store.concepts import ConceptRow, learning_pace, save_concept
from catalog_gen.store.drawing_lock import drawing_lock
from catalog_gen.store.figures import seconds_a_step
from catalog_gen.store.prompts import known_attributes
from catalog_gen.store.runs import note_figures, run_summary

if TYPE_CHECKING:
    from catalog_gen.diffusion.loading import LoadedModel

#: The run's figures of this stage.
_SECTION: Final = "concepts"
#: The share of a night's seconds that lessons may take, so that pictures are drawn, too.
_SHARE: Final = 0.5
#: A step of learning against a step of drawing, which runs the denoiser twice where it is guided:
#: once forwards and once backwards, which costs two.
_LIKE_DRAWING: Final = 1.5
#: Assumed seconds of a lesson before anything was drawn or learned on this machine.
_UNMEASURED: Final = 60.0


@dataclass(frozen=True, slots=True)
class LearnResult:
    """Lessons that a run learned, could not learn, and put off; and the seconds that it took."""

    learned: int = 0
    failed: int = 0
    deferred: int = 0
    seconds: float = 0.0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LessonPlan:
    """The lessons that a night learns, and those beyond its budget."""

    taken: tuple[WantedLesson, ...] = ()
    deferred: tuple[WantedLesson, ...] = ()
    seconds: float = 0.0
    """Of those taken, estimated."""


NO_LESSONS: Final = LessonPlan()


def learns(settings: CatalogSettings) -> bool:
    """Whether any view draws with concepts."""
    return any(view.concept is not None for view in settings.views.values())


def plan_lessons(
    connection: DuckDBPyConnection,
    views: Sequence[View],
    drawer: Drawer,
    budget: Budget,
    relation: str = "products",
) -> LessonPlan:
    """What a night would learn; of a budget in seconds it takes half, and leaves the rest.

    Raises:
        ConfigError: a template fails on a product.
    """
    wanted = open_lessons(connection, views, drawer, relation)
    if not wanted:
        return NO_LESSONS
    pace, drawing = learning_pace(connection), seconds_a_step(connection, drawer.hash)

    def seconds(lesson: Lesson) -> float:
        if pace:
            return pace.get(lesson.learner.name, mean(pace.values())) * lesson.work
        return _UNMEASURED if drawing is None else drawing * _LIKE_DRAWING * lesson.work

    room = float("inf") if budget.seconds is None else budget.seconds * _SHARE
    taken: list[WantedLesson] = []
    spent = 0.0
    for each in wanted:
        cost = seconds(each.lesson)
        if spent + cost > room:
            break
        taken.append(each)
        spent += cost
    return LessonPlan(tuple(taken), tuple(wanted[len(taken) :]), spent)


def learn_concepts(
    catalog: Catalog,
    model: "Callable[[], LoadedModel]",
    stamp: Stamp,
    *,
    budget: Budget,
    products: Collection[str] = (),
) -> LearnResult:
    """Learn what is wanted and was not; notes ``concepts``.

    Args:
        model: loads the model; called at most once, if there is something to learn.
        products: only what is wanted of these; empty: of all.

    Raises:
        ConfigError: a template can't be used.
        ModelError: the model can't be used.
        DrawingError: the GPU failed; finished lessons and checkpoints are kept.
        StoreBusyError: another process holds the database.
    """
    if not learns(catalog.settings):
        return LearnResult()
    drawer = Drawer.of(catalog)
    with drawing_lock(catalog.home):
        with catalog.store.reading() as connection:
            views = compile_views(catalog.settings, known_attributes(connection), drawer.dialect)
            of = narrowed(connection, "products", products, "to learn") if products else "products"
            plan = plan_lessons(connection, views, drawer, budget, of)
        if not products:
            _forget(catalog.home, {each.lesson.lesson_id for each in (*plan.taken, *plan.deferred)})
        result = _learn(catalog, model, plan, stamp)
    with catalog.store.writing() as connection:
        figures = {
            "learned": result.learned,
            "failed": result.failed,
            "deferred": result.deferred,
            "seconds": round(result.seconds, 3),
        }
        note_figures(connection, stamp.run_id, _SECTION, figures, stamp.now)
    return result


def seconds_of_lessons(connection: DuckDBPyConnection, run_id: str) -> float:
    """What lessons took of a run's time."""
    figures: dict[str, Any] = run_summary(connection, run_id).get(_SECTION, {})
    return float(figures.get("seconds", 0.0))


def _learn(
    catalog: Catalog, model: "Callable[[], LoadedModel]", plan: LessonPlan, stamp: Stamp
) -> LearnResult:
    problems: list[str] = []
    seconds = 0.0
    if plan.taken:
        report("learn", 0, len(plan.taken))
    for number, wanted in enumerate(plan.taken, start=1):
        row, content, spent = _learned(catalog, model(), wanted, stamp)
        seconds += spent
        if row.problem:
            problems.append(f"{row.product_id}: {row.problem}")
        with catalog.store.writing() as connection:
            save_concept(connection, row, content)
        _checkpoint(catalog.home, row.lesson_id).unlink(missing_ok=True)
        report("learn", number, len(plan.taken), f"{len(problems)} failed" if problems else "")
    return LearnResult(
        learned=len(plan.taken) - len(problems),
        failed=len(problems),
        deferred=len(plan.deferred),
        seconds=seconds,
        problems=tuple(problems),
    )


def _learned(
    catalog: Catalog, model: "LoadedModel", wanted: WantedLesson, stamp: Stamp
) -> tuple[ConceptRow, bytes, float]:
    """What came of a lesson: its row, the concept's bytes, and the seconds of this run."""
    from catalog_gen.diffusion.concepts.course import Course
    from catalog_gen.diffusion.concepts.lessons import learned

    lesson, started = wanted.lesson, perf_counter()
    course = Course(_checkpoint(catalog.home, lesson.lesson_id))
    content, problem = b"", ""
    try:
        content = learned(model, lesson, [_photo(catalog, wanted)], course)
    except InputError as error:
        problem = str(error)
    row = ConceptRow(
        lesson_id=lesson.lesson_id,
        lesson=lesson.canonical,
        name=wanted.name,
        product_id=wanted.product.product_id,
        concept_sha256=hashlib.sha256(content).hexdigest() if content else "",
        problem=problem,
        tries=wanted.tries + 1,
        size=len(content),
        work=lesson.work,
        seconds=round((wanted.known.seconds if wanted.known else 0.0) + course.seconds, 3),
        environment=model.environment(1, "fp32").canonical,
        learned_at=stamp.now,
        run_id=stamp.run_id,
    )
    return row, content, perf_counter() - started


def _photo(catalog: Catalog, wanted: WantedLesson) -> Pixels:
    """The lesson's photo, (side, side, 3).

    Raises:
        InputError: it can't be read, or has changed.
    """
    lesson, name = wanted.lesson, wanted.product.reference
    photo = unchanged_photo(catalog, name, lesson.photos)
    if photo is None:
        raise InputError(name, "it changed while it was read", "Refresh again.")
    return contain_on_white(photo, lesson.side, lesson.side)


def _checkpoint(home: Home, lesson_id: str) -> Path:
    return home.lessons / f"{lesson_id}.safetensors"


def _forget(home: Home, wanted: Collection[str]) -> None:
    """Delete checkpoints of lessons that nobody wants any more."""
    for path in home.lessons.glob("*"):
        if path.stem not in wanted:
            path.unlink()
