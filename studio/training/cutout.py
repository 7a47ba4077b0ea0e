"""Train the segmenter that cuts products out: ``python -m studio.training.cutout --minutes 35``.

It learns the true masks of the "train" split's photos, retouched so that other grounds, surfaces
and cameras are among them, and resumes from its checkpoint in ``--work``.
``python -m studio.evaluation.cutouts --model DIR`` measures it on scenes that nobody learned from.
"""

import argparse
from pathlib import Path

from studio.command import minutes, reported_errors
from studio.networks.segmenter import SegmenterStage, export_segmenter
from studio.photos.album import Album, has_photos
from studio.training.loop import TrainingBudget, train_stage


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Train the segmenter.")
    parser.add_argument("--photos", type=Path, default=Path(".studio/photos"))
    parser.add_argument("--work", type=Path, default=Path(".studio/work"))
    parser.add_argument("--out", type=Path, default=Path(".studio/cutout"))
    parser.add_argument("--minutes", type=minutes, default=35)
    given = parser.parse_args()
    with reported_errors():
        album = Album(given.photos, "train")
        shown = Album(given.photos, "held-out" if has_photos(given.photos, "held-out") else "train")
        stage = SegmenterStage(album, shown)
        train_stage(stage, TrainingBudget(given.minutes), given.work)
        export_segmenter(stage.segmenter, given.out)


if __name__ == "__main__":
    main()
