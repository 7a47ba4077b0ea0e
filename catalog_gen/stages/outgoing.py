"""Put drawn pictures into the outbox: from then on they are acknowledged."""

from collections.abc import Sequence

from catalog_gen.diffusion.jobs import Drawn, Outcome
from catalog_gen.recipe import Environment
from catalog_gen.store.outbox import BatchFiles
from catalog_gen.store.outbox_file import DrawnImage


def acknowledge(
    outbox: BatchFiles, outcomes: Sequence[Outcome], usual: Environment, run_id: str
) -> None:
    """Write outcomes durably. Pictures share a file if they share an environment.

    Args:
        usual: the environment in which those failed that failed.

    Raises:
        StoreError: the outbox can't take them.
    """
    failures = [outcome for outcome in outcomes if not isinstance(outcome, Drawn)]
    if failures:
        outbox.write([], failures, usual, run_id=run_id)
    drawn = [outcome for outcome in outcomes if isinstance(outcome, Drawn)]
    environments = {outcome.environment.environment_id: outcome.environment for outcome in drawn}
    for environment in environments.values():
        images = [_image(outcome) for outcome in drawn if outcome.environment == environment]
        outbox.write(images, [], environment, run_id=run_id)


def _image(drawn: Drawn) -> DrawnImage:
    height, width, _ = drawn.pixels.shape
    return DrawnImage(drawn.recipe_id, drawn.png, drawn.sha256, width, height, drawn.seconds)
