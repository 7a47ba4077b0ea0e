"""Waiting for trials."""

import time

from catalog_gen.stages.trial_process import State, TrialProcess

#: Seconds for anything on a busy machine: the first trial imports torch.
PATIENCE = 120.0


def ended(trials: TrialProcess, number: int) -> State:
    """How a trial ended."""
    deadline = time.monotonic() + PATIENCE
    while not (state := trials.state(number)).ended:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return state
