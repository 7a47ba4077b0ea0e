"""One process that draws and judges trials, in turn, and says how far it is.

The page's own process loads no model that draws: a step that hangs, or a lack of memory, ends this
process alone, and the next trial starts another. It ends by itself when nothing was tried for a
while, so that a night has the GPU's memory to itself.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final, Literal

from catalog_gen.errors import CatalogError
from catalog_gen.recipe import Failure
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.trials import Judge, Trial, Tried, drawn_trial, job_of

#: Seconds without a trial after which the process ends.
IDLE: Final = 600.0
#: How a process that goes away meanwhile looks through its pipe.
_GONE: Final = (EOFError, OSError)

_ENDED: Final = "the process that drew it ended; look for a lack of memory (dmesg), and retry"

Step = Literal["waiting", "drawing", "judging", "done", "failed", "stopped"]


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """How far a trial is: ``share`` of its steps, 0..1; ``error`` where it failed."""

    step: Step
    share: float = 0.0
    error: str = ""
    tried: Tried | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.step in ("done", "failed", "stopped")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the process says of a trial."""

    number: int
    state: State


class TrialProcess:
    """Draws trials one after the other; usable from several threads. Nothing starts before the
    first trial.
    """

    def __init__(self, catalog: Catalog, idle: float = IDLE) -> None:
        self._catalog = Catalog(catalog.settings, catalog.home)
        self._idle = idle
        self._numbers = count(1)
        self._states: dict[int, State] = {}
        self._lock = Lock()
        self._running: _Running | None = None

    def begin(self, trial: Trial) -> int:
        """Queue a trial; returns the number by which it is asked for."""
        with self._lock:
            number = next(self._numbers)
            self._states[number] = State("waiting")
        self.prepare()
        with self._lock:
            running = self._running
        if running is None or not running.take(number, trial):
            self._note(number, State("failed", error=_ENDED))
        return number

    def prepare(self) -> None:
        """Start the process and load the model, so that the first trial need not wait for it."""
        with self._lock:
            if self._running is None or self._running.gone:
                self._running = _Running(self._catalog, self._idle, self._note)

    def state(self, number: int) -> State:
        """How far a trial is."""
        running = self._running
        with self._lock:
            state = self._states[number]
        if not state.ended and running is not None and running.lost(number):
            self._note(number, State("failed", error=_ENDED))
            return self.state(number)
        return state

    def stop(self, number: int) -> None:
        """Stop a trial at its next step; one that has ended stays as it is."""
        running = self._running
        if running is not None:
            running.stop(number)

    @property
    def pid(self) -> int | None:
        """The id of the process; None before the first trial."""
        return None if self._running is None else self._running.process.pid

    def forget(self, number: int) -> None:
        """Keep a trial's picture no longer."""
        with self._lock:
            self._states.pop(number, None)

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._running is not None:
            self._running.end()

    def _note(self, number: int, state: State) -> None:
        with self._lock:
            if number in self._states and not self._states[number].ended:
                self._states[number] = state


class _Running:
    """A started process, with a thread that listens to it."""

    def __init__(self, catalog: Catalog, idle: float, note: Callable[[int, State], None]) -> None:
        self._pipe, theirs = Pipe()
        number = theirs.fileno()
        # Not by multiprocessing, which would import the page's script anew.
        command = f"from catalog_gen.stages.trial_process import serve; serve({number})"
        self.process = subprocess.Popen([sys.executable, "-c", command], pass_fds=[number])
        theirs.close()  # so that its end is seen here
        self._pipe.send((catalog, idle))
        self._note = note
        self._taken: set[int] = set()
        self._gone = Event()
        Thread(target=self._listen, name="trials", daemon=True).start()

    def take(self, number: int, trial: Trial) -> bool:
        """Hand a trial over; False if the process has ended."""
        if self._gone.is_set():
            return False
        try:
            self._pipe.send((number, trial))
        except _GONE:
            return False
        self._taken.add(number)
        return True

    def stop(self, number: int) -> None:
        if number in self._taken and not self._gone.is_set():
            try:
                self._pipe.send((number, None))
            except _GONE:
                self._gone.set()

    @property
    def gone(self) -> bool:
        """Whether the process has ended, as far as is known."""
        return self._gone.is_set()

    def lost(self, number: int) -> bool:
        """Whether the process is gone with a trial that it was given."""
        return number in self._taken and self._gone.is_set()

    def end(self) -> None:
        self._gone.set()
        self.process.kill()
        self.process.wait()

    def _listen(self) -> None:
        while True:
            try:
                said: _Said = self._pipe.recv()
            except _GONE:
                self._gone.set()
                self.process.wait()
                return
            self._note(said.number, said.state)


@dataclass(slots=True)
class _Orders:
    """What the owner asked for, as a thread receives it."""

    waiting: "SimpleQueue[tuple[int, Trial]]" = field(default_factory=SimpleQueue)
    stopped: set[int] = field(default_factory=set)

    def receive(self, owner: "Connection[Any, Any]") -> None:
        while True:
            try:
                number, trial = owner.recv()
            except _GONE:
                os._exit(0)  # nobody wants the pictures
            if trial is None:
                self.stopped.add(number)
            else:
                self.waiting.put((number, trial))


def serve(descriptor: int) -> None:
    """Runs in the process: draw and judge what comes through this pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's
    owner: Connection[Any, Any] = Connection(descriptor)
    catalog, idle = owner.recv()
    orders = _Orders()
    Thread(target=orders.receive, args=(owner,), daemon=True).start()
    easel = _Easel(catalog)
    easel.load()
    while True:
        try:
            number, trial = orders.waiting.get(timeout=idle)
        except Empty:
            return

        say = partial(_say, owner, number)
        say(easel.draw(trial, say, partial(orders.stopped.__contains__, number)))


def _say(owner: "Connection[Any, Any]", number: int, state: State) -> None:
    owner.send(_Said(number, state))


class _Easel:
    """The model and the judge, loaded for the first trial."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._loaded: Any = None
        self._judge: Judge | None = None

    def load(self) -> None:
        """Load the model ahead; an error comes with the first trial, which tries again."""
        with suppress(CatalogError):
            self._engine()

    def draw(
        self, trial: Trial, say: Callable[[State], None], stopped: Callable[[], bool]
    ) -> State:
        """Draw and judge one trial; how it ended."""
        from catalog_gen.diffusion.faults import Stopped

        def progress(pictures: float) -> None:
            if stopped():
                raise Stopped
            say(State("drawing", min(1.0, pictures)))

        try:
            if stopped():
                return State("stopped")
            job = job_of(self._catalog, trial)
            (outcome,) = self._engine().draw([job], progress)
            if isinstance(outcome, Failure):
                return State("failed", error=outcome.error)
        except Stopped:
            return State("stopped")
        except CatalogError as error:
            return State("failed", error=str(error))
        say(State("judging", 1.0))
        try:
            self._judge = self._judge or Judge(self._catalog)
            return State("done", 1.0, tried=self._judge.look(trial, outcome))
        except CatalogError as error:
            tried = replace(drawn_trial(trial, outcome), problem=str(error))
            return State("done", 1.0, tried=tried)

    def _engine(self) -> Any:
        from catalog_gen.diffusion.engine import Engine
        from catalog_gen.diffusion.loading import load_model

        if self._loaded is None:
            settings = self._catalog.settings.model.model_copy(update={"devices": ()})
            # One picture at a time: padded to the night's batch it would take as long as all of it.
            self._loaded = Engine(load_model(settings, self._catalog.home.hashes), batch_size=1)
        return self._loaded
