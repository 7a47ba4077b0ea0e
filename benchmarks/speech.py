"""How many words of spoken searches and prompts are recognised, in three synthetic voices.

The sample catalog is planned, which draws nothing; espeak-ng (a Debian package) says 40 phrases of
its words in each voice, and the studio's recogniser hears them. Errors are words that were left
out, put in, or mistaken (word error rate), over the words that were said. ``--model`` hears with a
transformers folder instead of PocketSphinx.

    python benchmarks/speech.py [--model FOLDER] [--heard] [--json]
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from catalog_gen.fingerprint import SHARDS
from catalog_gen.home import Home
from catalog_gen.planning import Budget
from catalog_gen.settings.speech import SpeechSettings
from catalog_gen.speech.recogniser import Recogniser, recogniser_of
from catalog_gen.speech.recording import RATE, read_recording
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.feed import take_feed
from catalog_gen.stages.products import record_products
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.spoken import spoken_texts

ROOT: Final = Path(__file__).parent.parent
VOICES: Final = ("en-us", "en-gb", "en-us+f3")
PHRASES: Final = (
    *("red mug", "glass vase", "blue water bottle", "black backpack", "white serving bowl"),
    *("yellow headphones", "desk lamp", "purple perfume bottle", "glossy chair", "metallic watch"),
    *("stoneware coffee mug", "bedside lamp with fabric shade", "grey gaming mouse"),
    *("matte orange bowl", "pink insulated water bottle", "eau de parfum", "mugs set of two"),
    *("lifestyle", "packshot", "floor vase", "green air fryer", "wireless headphones"),
    *("two matte white vases", "two metallic mugs", "one glossy red mug"),
    *("lacquered salad bowl", "leather watch", "black chair front view", "red vase on wood"),
    "product photo of one glossy red mug, three-quarter view, white background",
    "product photo of one matte black backpack, front view, warm wood background",
    "product photo of two metallic mugs, three-quarter view, white background",
    "product photo of one glass purple perfume bottle, front view, warm wood background",
    "product photo of one matte grey gaming mouse, three-quarter view, light grey background",
    "product photo of one glossy yellow table lamp, front view, white background",
    "one blue glass vase, light grey background",
    "one matte green chair, front view, warm wood background",
    "two glossy white bowls, three-quarter view",
    "one metallic watch, white background",
    "one pink air fryer, front view",
)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one voice; ``seconds`` are of recognising, ``spoken`` of speech."""

    voice: str
    words: int
    errors: int
    whole: int
    phrases: int
    seconds: float
    spoken: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--heard", action="store_true", help="print what was misheard")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        texts = planned_texts(Path(folder))
    recogniser = recogniser_of(SpeechSettings(model=arguments.model), texts)
    found = [measured(recogniser, voice, arguments.heard) for voice in VOICES]
    words, errors = sum(each.words for each in found), sum(each.errors for each in found)
    figures = {
        "texts": len(texts),
        "unknown": list(recogniser.unknown),
        "accuracy": round(1 - errors / words, 4),
        "voices": [asdict(each) for each in found],
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for each in found:
        print(
            f"{each.voice:10} {1 - each.errors / each.words:6.1%} of {each.words} words, "
            f"{each.whole} of {each.phrases} phrases whole, "
            f"{each.seconds / each.spoken:.2f} s for a second of speech"
        )
    print(f"all        {1 - errors / words:6.1%} of {words} words")
    print(f"from {len(texts)} texts; words that can't be heard: {', '.join(recogniser.unknown)}")


def planned_texts(home: Path) -> list[str]:
    """The texts of the sample catalog."""
    catalog, stamp = Catalog.open(ROOT / "data/catalog.toml", Home(home)), Stamp.at_once("speech")
    record_products(catalog, take_feed(catalog), stamp)
    write_prompts(catalog, range(SHARDS), stamp, budget=Budget())
    return spoken_texts(catalog, Drawer.of(catalog).dialect)


def measured(recogniser: Recogniser, voice: str, tells: bool) -> Heard:
    """All phrases in one voice."""
    words = errors = whole = 0
    seconds = spoken = 0.0
    for phrase in PHRASES:
        samples = read_recording(say(phrase, voice))
        began = time.perf_counter()
        heard = recogniser.words(samples).split()
        seconds += time.perf_counter() - began
        spoken += len(samples) / RATE
        said = phrase.replace(",", "").replace("-", " ").split()
        wrong = word_errors(said, heard)
        if wrong and tells:
            print(f"{voice}: {' '.join(said)}: {' '.join(heard)}")
        words, errors, whole = words + len(said), errors + wrong, whole + (not wrong)
    return Heard(voice, words, errors, whole, len(PHRASES), seconds, spoken)


def say(phrase: str, voice: str) -> bytes:
    """A WAV file of the phrase, by espeak-ng."""
    spoken = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "150", "--stdout", phrase], check=True, capture_output=True
    )
    return spoken.stdout


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """The least number of words to leave out, put in or replace (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for place, word in enumerate(said, start=1):
        above, row[0] = row[0], place
        for column, other in enumerate(heard, start=1):
            above, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, above + (word != other)),
            )
    return row[-1]


if __name__ == "__main__":
    main()
