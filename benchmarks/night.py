"""The share of a night that is not drawing, beside a GPU of a given pace.

    python benchmarks/night.py [--side 512 1024] [--pace 9 60] [--pictures N] [--against FOLDER]
        [--json]

An engine delivers ready pictures at 9 (SD 1.5 on one H100) and 60 a second (a 4-step model). All
else is real: encoding, the outbox, the database, measuring, CLIP, lettering and verdicts. The share
is that of the time from the first batch to the last verdict that the pictures alone would not have
taken. On two cores, processor time says more, and it is given for each picture: of this process,
of its thread that takes the pictures from the GPU, and of the processes beside it while the GPU
draws; and after the last picture. For 16 cores follows the least share that these allow: the thread
that takes pictures has a core of its own, eight processes stand beside it, all of it has 16 cores,
as has what comes after. CLIP is on the processor here; on a GPU's machine it is not.

``--against`` measures another checkout of this project in the same run, each in a process of its
own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
#: Cores of the machine that is asked for.
CORES: Final = 16
#: Of them, those that measure while the GPU draws (``judging.beside.MOST_WORKERS``).
WORKERS: Final = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--pace", type=float, nargs="+", default=[9.0, 60.0])
    parser.add_argument("--pictures", type=int, default=240)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.side[0], arguments.pace[0], arguments.pictures)))
        return
    rows = []
    checkouts = {"here": ROOT} | ({"against": arguments.against} if arguments.against else {})
    for side in arguments.side:
        for pace in arguments.pace:
            for name, checkout in checkouts.items():
                rows.append({"checkout": name} | _alone(checkout, side, pace, arguments.pictures))
                if not arguments.json:
                    print(_line(rows[-1]), flush=True)
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=2))


def _alone(checkout: Path, side: int, pace: float, pictures: int) -> dict[str, Any]:
    """One night in a process of its own, with the packages of a checkout."""
    command = [sys.executable, __file__, "--one", "--side", str(side), "--pace", str(pace)]
    done = subprocess.run(
        [*command, "--pictures", str(pictures)],
        env=os.environ | {"PYTHONPATH": str(checkout.resolve()), "HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['checkout']:<8} {row['side']:>5} px at {row['pace']:>4g}/s: "
        f"{row['not_drawing']:6.1%} is not drawing (GPU stood still {row['stood_still']:.1f} s, "
        f"after it {row['after']:.1f} s of {row['seconds']:.1f}); ms of processor a picture: "
        f"{row['own_ms']:.0f} here ({row.get('taking_ms', row['own_ms']):.0f} of it on the thread "
        f"that takes them) and {row['beside_ms']:.0f} beside it while the GPU draws, "
        f"{row['after_ms']:.0f} after; at least {row['not_drawing_16']:.1%} on {CORES} cores"
    )


def measure(side: int, pace: float, pictures: int) -> dict[str, Any]:
    """A night of so many pictures of ``side`` pixels, in this process."""
    warnings.filterwarnings("ignore")
    from rig.ready import ReadyEngine, masters, write_feed

    from catalog_gen.fingerprint import SHARDS
    from catalog_gen.planning import NO_LIMIT
    from catalog_gen.stages.catalog import Stamp
    from catalog_gen.stages.feed import take_feed
    from catalog_gen.stages.images import draw_missing
    from catalog_gen.stages.products import record_products
    from catalog_gen.stages.prompts import write_prompts
    from catalog_gen.stages.scores import score_images
    from catalog_gen.stages.verdicts import judge_images

    engine = ReadyEngine(masters(ROOT / "data" / "reference", side), pace)
    with tempfile.TemporaryDirectory() as folder:
        shop = _shop(Path(folder), side)
        write_feed(Path(folder) / "feed.csv", pictures)
        catalog, stamp, shards = shop.catalog, Stamp.at_once("night"), range(SHARDS)
        record_products(catalog, take_feed(catalog), stamp)
        write_prompts(catalog, shards, stamp, budget=NO_LIMIT)
        shop.scorer.embed_texts(["load it now"])
        began, cpu, children = perf_counter(), _cpu(), _cpu(children=True)
        thread = thread_time()
        draw_missing(catalog, lambda: engine, shards, stamp)
        drawn, cpu_drawn, taking = perf_counter(), _cpu(), thread_time() - thread
        score_images(catalog, shop.scorer, shards, stamp)
        judge_images(catalog, shop.scorer.scorer_hash, shards, stamp)
        ended, cpu_ended = perf_counter(), _cpu()
    seconds, drawing = ended - began, pictures / pace
    own, beside, after = cpu_drawn - cpu, _beside_cpu(children), cpu_ended - cpu_drawn
    return {
        "side": side,
        "pace": pace,
        "pictures": pictures,
        "seconds": seconds,
        "not_drawing": 1 - drawing / seconds,
        "stood_still": engine.stood_still,
        "after": ended - drawn,
        "own_ms": 1000 * own / pictures,
        "taking_ms": 1000 * taking / pictures,
        "beside_ms": 1000 * beside / pictures,
        "after_ms": 1000 * after / pictures,
        "not_drawing_16": 1
        - drawing
        / (max(drawing, taking, beside / WORKERS, (own + beside) / CORES) + after / CORES),
    }


def _shop(folder: Path, side: int) -> Any:
    """The tests' small shop, with the studio's CLIP and lettering, and this picture size."""
    sys.path.insert(0, str(ROOT))
    from tests.pipeline.shop import open_shop

    shop = open_shop(folder)
    text = shop.config.read_text("utf-8")
    clip = ROOT / "data" / "models" / "studio" / "clip"
    lettering = ROOT / "data" / "models" / "lettering.safetensors"
    changes = {
        "width = 32": f"width = {side}",
        "height = 32": f"height = {side}",
        "candidates = 2": "candidates = 1",
        "batch_size = 4": "batch_size = 32",
        f'"{folder / "clip"}"': f'"local-dir:{clip}"',
        f'"local-dir:{folder / "clip"}"': f'"local-dir:{clip}"',
        "{{ colour }} {{ category }}": "{{ colour }} {{ title }}",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    shop.config.write_text(f'lettering = "{lettering}"\n{text}', "utf-8")
    return shop


def _cpu(*, children: bool = False) -> float:
    """Processor seconds of this process, or of its children that have ended."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _beside_cpu(before: float) -> float:
    """Processor seconds of the measuring processes, once they have ended."""
    import multiprocessing

    for process in multiprocessing.active_children():
        process.join(20)
    return _cpu(children=True) - before


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
