"""Measure the judge's error rates on good renders, and on the same with one planted defect.

Renders are of the "held-out" photos, which were not used to train any network or to set any
threshold; missing ones are rendered first (about a scene a second). A defect is caught if the
verdict is not "accepted". Judging and drawing are timed in the same process, with their models
loaded, on pictures of the sample's size.

``--side`` enlarges the renders, as a shop would; ``--native`` renders at that size instead.

    python benchmarks/judge.py [--photos DIR] [--scenes N] [--each N] [--side N|--native N] [--json]
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from catalog_gen.diffusion.jobs import DrawJob
from catalog_gen.judging.lettering import LetteringDetector
from catalog_gen.judging.rubric import Verdict, load_rubric
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.recipe import Recipe
from catalog_gen.settings.catalog import CatalogSettings, load_settings
from catalog_gen.settings.views import ViewSettings
from studio.evaluation.appraise import Bench, appraise
from studio.evaluation.defects import Specimen
from studio.evaluation.measures import wilson
from studio.evaluation.planted import enlarged, good_specimens, native_specimens, planted
from studio.photos.negatives import render_split

ROOT: Final = Path(__file__).parent.parent
CONFIG: Final = ROOT / "data" / "catalog.toml"
#: Batches that are drawn for the comparison of costs, each before a judging of all good pictures.
DRAWN_TURNS: Final = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--scenes", type=int, default=200, help="held-out scenes to render")
    parser.add_argument("--each", type=int, default=200, help="good pictures to plant defects in")
    parser.add_argument("--side", type=int, default=128, help="enlarge them first; a multiple")
    parser.add_argument("--native", type=int, help="render at this size; nothing is kept")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.native:
        good = native_specimens("held-out", arguments.each, arguments.native)
    else:
        render_split(arguments.photos, "held-out", arguments.scenes)
        found = good_specimens(arguments.photos, "held-out", arguments.each)
        good = [enlarged(each, arguments.side) for each in found]
    figures = measure(good)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{'defect':<22}{'recall':>8}   95 % interval     n   rejected outright")
    for name, row in figures["defects"].items():
        print(
            f"{name:<22}{row['recall']:>8.1%}   {row['low']:.1%} to {row['high']:.1%}"
            f"{row['n']:>6}{row['rejected']:>9.1%}"
        )
    for name in ("false_rejections", "not_accepted"):
        row = figures[name]
        line = f"{row['value']:.1%} ({row['low']:.1%} to {row['high']:.1%}) of {row['n']}"
        print(f"good renders, {name.replace('_', ' ')}: {line}")
    cost = figures["cost"]
    print(
        f"judging takes {1000 * cost['judge_seconds']:.1f} ms per picture, drawing "
        f"{1000 * cost['draw_seconds']:.0f} ms: {cost['share']:.1%}   (asked: 10%); of processor "
        f"time {1000 * cost['judge_processor']:.1f} ms and {1000 * cost['draw_processor']:.0f} ms: "
        f"{cost['share_processor']:.1%}"
    )


def measure(good: list[Specimen]) -> dict[str, Any]:
    """The judge's answers to the good pictures and to each defect in them."""
    settings = load_settings(CONFIG)
    bench = bench_of(settings)
    rivals = sorted({each.prompt for each in good})
    verdicts = appraise(good, bench, rivals)
    figures: dict[str, Any] = {
        "defects": {},
        "false_rejections": _share([each.decision == "rejected" for each in verdicts]),
        "not_accepted": _share([each.decision != "accepted" for each in verdicts]),
        "cost": cost(settings, good, rivals),
    }
    for name, bad in planted(good):
        found: list[Verdict] = appraise(bad, bench, rivals)
        row = _share([each.decision != "accepted" for each in found])
        figures["defects"][name] = {
            "recall": row.pop("value"),
            **row,
            "rejected": sum(each.decision == "rejected" for each in found) / len(found),
        }
        print(f"{name}: done", file=sys.stderr)
    return figures


def bench_of(settings: CatalogSettings) -> Bench:
    """The bench for the catalog's pictures; no model is loaded yet."""
    detector = LetteringDetector.of(settings.lettering)
    return Bench(ClipScorer(settings.scorer), detector, load_rubric(settings.rubric))


def cost(settings: CatalogSettings, good: list[Specimen], rivals: list[str]) -> dict[str, float]:
    """Seconds per picture of judging and of drawing, elapsed and CPU time.

    Both work on the same prompts in turn; models are loaded and have worked once before. The judge
    forgets its texts before each turn, so every turn pays for all of them.
    """
    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_model

    loaded = load_model(settings.model)
    engine = Engine(loaded, settings.model.batch_size)
    view = settings.views["packshot"]
    jobs = [
        DrawJob(recipe.recipe_id, recipe)
        for place, each in enumerate(good[: DRAWN_TURNS * settings.model.batch_size])
        for recipe in [_recipe(each.prompt, view, loaded.model_hash, place)]
    ]
    size = settings.model.batch_size
    list(engine.draw(jobs[:size]))
    clock = processor = draw_clock = draw_processor = 0.0
    for turn in range(DRAWN_TURNS):
        started, spent = perf_counter(), process_time()
        list(engine.draw(jobs[turn * size : (turn + 1) * size]))
        draw_clock += perf_counter() - started
        draw_processor += process_time() - spent
        bench = bench_of(settings)
        appraise(good[:2], bench, [])
        started, spent = perf_counter(), process_time()
        appraise(good, bench, rivals)
        clock += perf_counter() - started
        processor += process_time() - spent
    judged = DRAWN_TURNS * len(good)
    return {
        "judge_seconds": clock / judged,
        "judge_processor": processor / judged,
        "draw_seconds": draw_clock / len(jobs),
        "draw_processor": draw_processor / len(jobs),
        "share": clock / judged / (draw_clock / len(jobs)),
        "share_processor": processor / judged / (draw_processor / len(jobs)),
    }


def _recipe(prompt: str, view: ViewSettings, model_hash: str, seed: int) -> Recipe:
    return Recipe(
        model_hash=model_hash,
        method="text2img",
        prompt=prompt,
        negative_prompt="",
        seed=seed,
        scheduler=view.scheduler,
        steps=view.steps,
        guidance=view.guidance,
        width=view.width,
        height=view.height,
    )


def _share(outcomes: list[bool]) -> dict[str, Any]:
    return asdict(wilson(sum(outcomes), len(outcomes)))


if __name__ == "__main__":
    main()
