"""Train the captioner: ``python -m studio.training.captioner --minutes 45``.

It learns the canonical captions of the "train" split's photos, with the tokenizer of the studio
model, and resumes from its checkpoint in ``--work``; what was rendered since is then in its
photos. ``python -m studio.evaluation.captions`` measures it on scenes that nobody learned from.
"""

import argparse
from pathlib import Path

from studio.command import minutes, reported_errors
from studio.networks.captioner import CaptionerStage, export_captioner
from studio.photos.album import Album, has_photos
from studio.training.loop import TrainingBudget, train_stage


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Train the captioner.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--work", type=Path, default=Path(".studio/work"))
    parser.add_argument("--words", type=Path, default=Path("data/models/studio/clip"))
    parser.add_argument("--out", type=Path, default=Path(".studio/captioner"))
    parser.add_argument("--minutes", type=minutes, default=45)
    given = parser.parse_args()
    from transformers import AutoTokenizer

    with reported_errors():
        tokenizer = AutoTokenizer.from_pretrained(given.words)
        album = Album(given.photos, "train")
        shown = Album(given.photos, "held-out" if has_photos(given.photos, "held-out") else "train")
        stage = CaptionerStage(album, shown, tokenizer)
        train_stage(stage, TrainingBudget(given.minutes), given.work)
        export_captioner(stage.captioner, tokenizer, given.out)


if __name__ == "__main__":
    main()
