"""Dagster's SQLite event log, with a batch of events in one transaction a file.

A refresh plans and reports each of 64 shards for every sharded asset, 512 events; one by one they
cost seconds of opening, syncing and closing files. The tables and their readers stay Dagster's own.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Named in ``dagster.yaml``; Dagster makes batches where DAGSTER_EVENT_BATCH_SIZE is set."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._batch = threading.local()
        super().__init__(base_dir, inst_data)
        # A batch has the run's file and the index open at once, and takes the lock for each.
        self._db_lock = threading.RLock()  # type: ignore[assignment]

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchedSqliteEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store all of the events; where one fails, none is stored."""
        with ExitStack() as connections:
            self._batch.open = {}
            self._batch.connections = connections
            try:
                super().store_event_batch(events)
            finally:
                del self._batch.open, self._batch.connections

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Within a batch, the connection that its first event opened."""
        open_: dict[str, Connection] | None = getattr(self._batch, "open", None)
        if open_ is None:
            with super()._connect(shard) as connection:
                yield connection
            return
        if shard not in open_:
            open_[shard] = self._batch.connections.enter_context(super()._connect(shard))
        yield open_[shard]
