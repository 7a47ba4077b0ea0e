"""Send each message once each way, and try again what did not arrive.

What was sent is recorded in a file of its own, not in the database: a message that a night failed
matters most when the database is why. A message counts as sent once its server took it, so after a
crash in between it comes twice rather than never.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError

from catalog_gen.reporting.nights.message import Message
from catalog_gen.reporting.nights.senders import FILES, Sender, SendingError
from catalog_gen.store.files import write_whole

_FILE: Final = "sent.json"
#: Pauses between two tries, the longest of them for good.
_PAUSES: Final = tuple(timedelta(minutes=each) for each in (1, 2, 5, 15, 60))
#: How long messages that were sent are remembered.
_KEPT: Final = timedelta(days=400)


class _Tried(BaseModel):
    """Failed tries of one message, one way."""

    tries: int
    again_at: datetime


class SentMessages(BaseModel):
    """What was sent, by "way key", and when; what is to be tried again.

    Attributes:
        since: when messages were first configured.
        ways: the same of each way: nothing older is sent that way.
    """

    since: datetime
    ways: dict[str, datetime] = {}
    sent: dict[str, datetime] = {}
    failed: dict[str, _Tried] = {}


def sent_in(folder: Path) -> SentMessages | None:
    """What was sent, by the file in this folder; None: nothing, or the file is damaged.

    A damaged file is started anew, and no old night is reported again.
    """
    try:
        return SentMessages.model_validate_json((folder / _FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


@dataclass(slots=True)
class Delivery:
    """What came of sending: what arrived, as "way: subject", and the errors."""

    sent: list[str] = field(default_factory=list)
    errors: list[SendingError] = field(default_factory=list)


class Messenger:
    """Sends messages, and remembers in ``folder`` which were sent."""

    def __init__(
        self, folder: Path, senders: Sequence[Sender], now: datetime, *, quiet: bool = False
    ) -> None:
        self._quiet = quiet
        self._folder = folder
        self._senders = senders
        self._now = now
        self.record = sent_in(folder) or SentMessages(since=now)
        for sender in senders:
            self.record.ways.setdefault(sender.name, now)
        self._write()

    @classmethod
    @contextmanager
    def at_work(
        cls, folder: Path, senders: Sequence[Sender], now: datetime, *, quiet: bool = False
    ) -> Iterator["Messenger | None"]:
        """The messenger, or None while another process sends.

        Args:
            quiet: send nothing but files where a message needs no one.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            yield cls(folder, senders, now, quiet=quiet)

    def send(
        self,
        key: str,
        at: datetime,
        make: Callable[[], Message],
        delivery: Delivery,
        *,
        since: datetime | None = None,
    ) -> None:
        """Send a message every way that lacks it; made only if there is one.

        Args:
            at: when it happened; what is older than a way is not sent that way.
            since: unless it happened from then on.
        """
        due = [
            sender
            for sender in self._senders
            if at >= min(self.record.ways[sender.name], since or self._now)
            and self._is_due(sender, key)
        ]
        message = make() if due else None
        for sender in due:
            name = f"{sender.name} {key}"
            try:
                assert message is not None  # it was made for those that are due
                if message.needs_someone or not self._quiet or sender.name == FILES:
                    sender.send(message)
            except SendingError as error:
                tries = self.record.failed[name].tries + 1 if name in self.record.failed else 1
                pause = _PAUSES[min(tries, len(_PAUSES)) - 1]
                self.record.failed[name] = _Tried(tries=tries, again_at=self._now + pause)
                delivery.errors.append(error)
            else:
                self.record.failed.pop(name, None)
                self.record.sent[name] = self._now
                delivery.sent.append(f"{sender.name}: {message.subject}")
            self._write()

    def _is_due(self, sender: Sender, key: str) -> bool:
        name = f"{sender.name} {key}"
        tried = self.record.failed.get(name)
        return name not in self.record.sent and (tried is None or tried.again_at <= self._now)

    def _write(self) -> None:
        old = self._now - _KEPT
        kept = {name: at for name, at in self.record.sent.items() if at >= old}
        self.record = self.record.model_copy(update={"sent": kept})
        write_whole(self._folder / _FILE, self.record.model_dump_json(indent=1).encode())
