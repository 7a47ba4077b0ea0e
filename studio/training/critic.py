"""Fit the critic to people's verdicts: ``python -m studio.training.critic``; a minute or two.

The labelled pictures are redrawn from their table and passed through the drawing model's denoiser,
and a linear probe is fitted to predict "wrong" from its features. The printed figures are
cross-validated over wishes; the written weights are fitted to all of them.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from catalog_gen.judging.critics.denoiser import DenoiserFeatures, save_critic
from catalog_gen.judging.probe import fit_probe, held_out_probabilities
from catalog_gen.settings.catalog import load_settings
from studio.command import reported_errors
from studio.evaluation.labels import WEIGHTS, Seen, draw_again, read_table, wish_of
from studio.evaluation.measures import auroc

LABELS: Final = Path("data/eye/labels.csv")
#: The probe's penalty: of 0.3 to 20 the one whose probes agree best with people on wishes that they
#: were not fitted to.
PENALTY: Final = 1.0


def targets(rows: Sequence[Seen]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How wrong each picture is, 0..1."""
    return np.array([WEIGHTS[row.verdict] for row in rows])


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Fit the critic to people's verdicts.")
    parser.add_argument("--config", type=Path, default=Path("data/catalog.toml"))
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--out", type=Path, default=Path("data/models/critic.safetensors"))
    given = parser.parse_args()
    with reported_errors():
        rows = read_table(given.labels)
        model = load_settings(given.config).model
        denoiser = DenoiserFeatures(Path(model.id))
        features = denoiser.of(draw_again(rows, model), [row.prompt for row in rows])
    wrong = targets(rows)
    wishes = [wish_of(row.prompt) for row in rows]
    held = held_out_probabilities(features, wrong, wishes, penalty=PENALTY)
    agreement = auroc(held[wrong == 1], held[wrong == 0])
    print(f"{len(rows)} pictures, {features.shape[1]} features")
    print(f"wrong against fine, on wishes that were not fitted: AUROC {agreement:.3f}")
    save_critic(given.out, fit_probe(features, wrong, PENALTY), denoiser.denoiser_hash(), len(rows))


if __name__ == "__main__":
    main()
