"""The process that draws an experiment: the command `catalog-gen experiment`, run by the page.

So it is a run like any other: recorded, resumed where it ended, and seen by the next night.
"""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Final, Literal

from catalog_gen.errors import InputError
from catalog_gen.home import Home

#: Seconds that a process has to end by itself, which finishes its batch; then it is killed.
_GRACE: Final = 20.0
_MOST_TOLD: Final = 2000

Step = Literal["running", "done", "stopped", "failed"]

#: The command's exit codes for what is no error: done, with failed pictures, interrupted.
_DONE: Final[dict[int, Step]] = {0: "done", 1: "done", 130: "stopped"}


@dataclass(frozen=True, slots=True)
class DrawingState:
    """How the last drawing of an experiment stands; ``error`` is what a failed one said."""

    name: str
    experiment_id: str
    step: Step
    error: str = ""


@dataclass(slots=True)
class ExperimentProcess:
    """Draws one experiment at a time; usable from several threads."""

    config: Path
    home: Home
    _lock: Lock = field(default_factory=Lock)
    _name: str = ""
    _experiment_id: str = ""
    _process: "subprocess.Popen[bytes] | None" = None

    def begin(self, file: Path, experiment_id: str) -> None:
        """Start drawing what an experiment file, which is planned as this experiment, lacks.

        Raises:
            InputError: another experiment is being drawn.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise InputError(
                    f"experiment '{file.stem}'",
                    f"experiment '{self._name}' is being drawn",
                    "Stop that one, or wait for its end.",
                )
            self._name, self._experiment_id = file.stem, experiment_id
            self.home.experiments.mkdir(parents=True, exist_ok=True)
            command = ["experiment", str(file), "--config", str(self.config), "--yes"]
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "catalog_gen.cli", *command],
                    env=os.environ | {"CATALOG_HOME": str(self.home.root)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C reaches it through ``close`` alone
                )

    def state(self) -> DrawingState | None:
        """How the last drawing stands; None: nothing was begun."""
        process = self._process
        if process is None:
            return None
        code = process.poll()
        step: Step = "running" if code is None else _DONE.get(code, "failed")
        said = self._said() if step == "failed" else ""
        return DrawingState(self._name, self._experiment_id, step, said)

    def stop(self) -> None:
        """Stop at the end of the batch; what was drawn is kept."""
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """End the process, by force if it takes long."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self.stop()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def _log(self) -> Path:
        return self.home.experiments / "drawing.log"

    def _said(self) -> str:
        return self._log.read_text("utf-8", "replace").strip()[-_MOST_TOLD:]
