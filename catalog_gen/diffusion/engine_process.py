"""An engine in a separate process: both ends of the pipe to it.

The owner sends jobs and receives their outcomes. Pictures come through the pipe and not through
files, so that only the owner acknowledges them, and a killed process loses none that was.
"""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog_gen.diffusion.jobs import DrawJob, Drawn, Outcome
from catalog_gen.errors import CatalogError
from catalog_gen.owner import end_with_owner
from catalog_gen.recipe import Environment, Failure
from catalog_gen.settings.model import ModelSettings

if TYPE_CHECKING:
    from catalog_gen.diffusion.engine import Engine

#: Errors of a pipe whose other end has gone.
_GONE = (EOFError, OSError)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine is loaded with.

    ``device`` is "cpu", "cuda:1", or "auto"; ``threads`` are torch's, on which pictures
    drawn by a CPU depend.
    """

    settings: ModelSettings
    device: str
    hashes: Path | None
    threads: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A ``CatalogError`` that ended an engine, in a form that can be pickled."""

    kind: type[CatalogError]
    value: str
    rule: str
    next_step: str

    @classmethod
    def of(cls, error: CatalogError) -> "Broken":
        return cls(type(error), error.value, error.rule, error.next_step)

    @property
    def error(self) -> CatalogError:
        return self.kind(self.value, self.rule, self.next_step)


class EngineProcess:
    """The owner's side of one engine. The constructor starts the process and does not wait for it.

    ``waiting`` holds the jobs that were handed over and have no outcome yet, by recipe id.
    """

    def __init__(self, setup: Setup) -> None:
        context = get_context("spawn")  # not by fork: this process has threads, and maybe CUDA
        self.device = setup.device
        self.waiting: dict[str, DrawJob] = {}
        self.connection, theirs = context.Pipe()
        # A daemonic process ends with its owner.
        self._process = context.Process(target=_serve, args=(setup, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that its end is seen here
        self._gone = False

    @property
    def alive(self) -> bool:
        """Whether it can be given work, as far as the owner knows."""
        return not self._gone

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def loaded(self) -> Environment | None:
        """Wait for the model; None: the process died instead.

        Raises:
            CatalogError: the model can't be loaded.
        """
        message = self._received()
        if isinstance(message, Broken):
            self.end()
            raise message.error
        return message if isinstance(message, Environment) else None

    def hand_over(self, jobs: Sequence[DrawJob]) -> None:
        """Let it draw these; if it is gone, they stay in ``waiting``."""
        self.waiting = {job.recipe_id: job for job in jobs}
        try:
            self.connection.send(tuple(jobs))
        except _GONE:
            self.end()

    def outcome(self) -> Outcome | CatalogError | None:
        """The next outcome, or the error that ended the engine; None: the process was killed."""
        message = self._received()
        if isinstance(message, Drawn | Failure):
            del self.waiting[message.recipe_id]
            return message
        self.end()
        return message.error if isinstance(message, Broken) else None

    def take_back(self) -> list[DrawJob]:
        """The jobs that it was given and will no longer draw."""
        jobs, self.waiting = list(self.waiting.values()), {}
        return jobs

    def end(self) -> None:
        """Kill the process."""
        self._gone = True
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _received(self) -> Environment | Outcome | Broken | None:
        try:
            message: Environment | Outcome | Broken = self.connection.recv()
        except _GONE:
            self.end()
            return None
        return message


def ready(engines: Sequence[EngineProcess]) -> Iterator[EngineProcess]:
    """Wait until some of these have sent something or are gone; yield those."""
    heard = wait([each.connection for each in engines])
    return (each for each in engines if each.connection in heard)


def _serve(setup: Setup, owner: "Connection[Any, Any]") -> None:
    """The process's main function: load, then draw what comes until the owner is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's
    end_with_owner()
    try:
        engine = load_engine(setup)
        owner.send(engine.environment)
        while True:
            for outcome in engine.draw(owner.recv()):
                owner.send(outcome)
    except CatalogError as error:
        owner.send(Broken.of(error))
    except EOFError:
        return  # the owner has no more work


def load_engine(setup: Setup) -> "Engine":
    """Load the engine in the process that draws.

    Raises:
        CatalogError: as ``load_model``.
    """
    import torch

    from catalog_gen.diffusion.engine import Engine
    from catalog_gen.diffusion.loading import load_model

    torch.set_num_threads(setup.threads)
    kind, _, number = setup.device.partition(":")
    if kind == "cuda" and torch.cuda.is_available():
        torch.cuda.set_device(int(number or 0))
    settings = setup.settings.model_copy(update={"device": kind, "devices": ()})
    return Engine(load_model(settings, setup.hashes), settings.batch_size)
