"""A process that replays records against drafts: ``python -m callgate.operations.replay_process``.

Standard input brings one `Order` as a line of JSON, standard output takes a `Report` after every piece; the last has
the results. It carries neither the web nor SQLAlchemy, starts in a fraction of a second, and gives way to calls.
"""

import gc
import os
import signal
import sys
from dataclasses import dataclass
from typing import Final

import msgspec

from callgate.core.admission.recipe import Recipe
from callgate.core.admission.replay import Judge, Replay, ReplayResult
from callgate.store.past import PastQuery, PastReader, PastUnavailable

# Calls come first, wherever there are fewer cores than work.
_NICENESS: Final = 10


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be replayed.

    Attributes:
        query: which records.
        live: the rules in force.
        drafts: each is tried on all records.
        against_live: compare with what the rules in force would do, not with what was done.
        without: id of a record that is passed over; empty: none is.
    """

    query: PastQuery
    live: Recipe
    drafts: tuple[Recipe, ...]
    against_live: bool = False
    without: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """How far it is.

    Attributes:
        records: how many have been replayed.
        total: how many there are.
        results: one for each draft; ``None`` before the end.
        failed: why it ends without; empty otherwise.
    """

    records: int
    total: int
    results: tuple[ReplayResult, ...] | None = None
    failed: str = ""


def main() -> None:
    """Do what standard input orders."""
    # Ctrl-C goes to the whole group of processes; when to end is the control process's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    gc.disable()  # records are values without cycles, and this process ends with its order
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    try:
        _replay(order)
    except BrokenPipeError:
        os._exit(0)  # nobody wants to know any more
    except PastUnavailable as error:
        _tell(Report(0, 0, failed=f"the database cannot be read: {error}"))


def _replay(order: Order) -> None:
    live = Judge(order.live.policies())
    replays = [Replay(Judge(draft.policies()), live, against_live=order.against_live) for draft in order.drafts]
    reader = PastReader(order.query)
    try:
        total, records = reader.count(), 0
        _tell(Report(0, total))
        for piece in reader.pieces():
            wanted = [past for past in piece if past.decision_id != order.without]
            for replay in replays:
                replay.take(wanted)
            records += len(piece)
            _tell(Report(records, max(total, records)))
        _tell(Report(records, max(total, records), tuple(replay.result() for replay in replays)))
    finally:
        reader.close()


def _tell(report: Report) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
