"""Groups of facts over a connection to PostgreSQL: one round trip for each, and no doubt whether it was kept.

A connection may break between a commit and its acknowledgement. So each transaction also writes a number into the
node's own row; over the next connection that row says what became of it. It is read with a lock, so that a transaction
whose end is not yet settled on the server is waited for.
"""

import logging
import select
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg

from callgate.store.database import Batch

# Callers are ringing: what has become of a group must be known within this time, or it counts as lost.
_SETTLED_S_MAX: Final = 2.0
_PAUSE_S: Final = 0.1
# Two nodes in each other's way are sorted out by the server; the one that had to give way tries again. So does who lost
# its connection, once it is known that nothing was kept.
_TRIES_MAX: Final = 3
# A node that others took for dead has no row any more: it lives.
_MARK: Final = (
    "INSERT INTO nodes (node_id, name, seen, written) VALUES (%s, '', now(), %s)"
    " ON CONFLICT (node_id) DO UPDATE SET written = excluded.written"
)
_WRITTEN: Final = "SELECT written FROM nodes WHERE node_id = %s FOR UPDATE"

# What goes wrong in a batch is raised, and reported by whoever asked for it; the driver would log what follows from it.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class _NotKept(psycopg.OperationalError):
    """The connection was lost, and the server has nothing of the batch."""


class PostgresGroups:
    """The connection. Implements `database.GroupConnection`.

    Args:
        connect: makes one that begins no transactions by itself; blocks.
        node_id: of the node that writes.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], node_id: str) -> None:
        self._connect = connect
        self._node_id = node_id
        self._number = 0
        self.raw: psycopg.Connection[Any] | None = None
        self.unsettled = False

    def open(self) -> None:
        """Connect; raises `psycopg.Error`."""
        self.raw = self._connect()

    def write(self, batch: Batch) -> None:
        """Do all of it in one transaction; nothing is kept when it raises."""
        self.unsettled = False
        for tries_left in reversed(range(_TRIES_MAX)):
            try:
                self._write(batch)
                return
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, _NotKept):
                if not tries_left:
                    raise

    def blames_rows(self, error: Exception) -> bool:
        """Full, shut down, locked for long, gone …: it is not the rows."""
        return not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)

    def close(self) -> None:
        """Let go of the connection."""
        if self.raw is not None:
            self.raw.close()

    def _write(self, batch: Batch) -> None:
        raw = self._living()
        self._number += 1
        try:
            with raw.pipeline() as pipeline, raw.cursor() as cursor:
                cursor.execute("BEGIN")
                for sql, rows in batch:
                    cursor.executemany(sql, rows)
                cursor.execute(_MARK, (self._node_id, self._number))
                cursor.execute("COMMIT")
                pipeline.sync()
        except Exception as error:
            if _rolled_back(raw):
                raise
            if not self._was_written():
                raise error if self.unsettled else _NotKept(str(error)) from error

    def _living(self) -> psycopg.Connection[Any]:
        """A connection that has not been closed by the server while nobody used it."""
        raw = self.raw
        if raw is not None and not raw.closed:
            # Between groups the server has nothing to say but notices, or that it goes.
            if not select.select([raw.fileno()], [], [], 0)[0]:
                return raw
            try:
                raw.pgconn.consume_input()
                raw.execute("SELECT 1")
                return raw
            except psycopg.Error:
                raw.close()
        self.raw = self._connect()
        return self.raw

    def _was_written(self) -> bool:
        """What became of the last transaction, whose connection is lost."""
        until_s = time.monotonic() + _SETTLED_S_MAX
        while True:
            try:
                self.raw = self._connect()
                found = self.raw.execute(_WRITTEN, (self._node_id,)).fetchone()
                return found is not None and found[0] == self._number
            except psycopg.Error:
                if time.monotonic() >= until_s:
                    self.unsettled = True
                    return False
                time.sleep(_PAUSE_S)


def _rolled_back(raw: psycopg.Connection[Any]) -> bool:
    """Whether the server has said that nothing of the transaction is kept; otherwise the connection is lost."""
    try:
        raw.rollback()
    except psycopg.Error:  # a server that ends says so first, and closes the connection then
        raw.close()
    return not raw.closed
