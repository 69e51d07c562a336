"""That a tail leaves nothing out and says nothing twice, however late records come and whatever fails."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.cli.client import Answer, Client, Query
from callgate.cli.errors import Failed, Unreachable
from callgate.cli.tail import LOOK_EVERY_S, WHOLE_EVERY, WINDOW_S, Record, Tail

START = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
HANDLER_S_MAX = 60.0  # `handler.timeout_s` at its highest
WRITTEN_S_MAX = 0.3


class Node:
    """A list of decisions by its rules, where pages are small and new records come between any two of them.

    Args:
        records: seconds from the start to the INVITE, and from there to when the record can be seen.
    """

    def __init__(self, records: list[tuple[float, float]]) -> None:
        self.now_s = 0.0
        self.pages_asked = 0
        self.fails_after: int | None = None  # pages
        self._records = [
            (at + late, {"decisionId": f"{at:012.6f}.{number}", "at": (START + timedelta(seconds=at)).isoformat()})
            for number, (at, late) in enumerate(records)
        ]

    def pages(self, path: str, query: Query = (), page_size: int = 3) -> Iterator[Answer]:
        assert path == "/api/sip/decisions"
        since = dict(query).get("fromDate")
        offset = 0
        while True:
            if self.fails_after is not None:
                self.fails_after -= 1
                if self.fails_after < 0:
                    raise Unreachable("gone")
            self.pages_asked += 1
            self.now_s += 0.01
            seen = [
                record
                for visible_s, record in sorted(self._records, key=lambda one: one[1]["decisionId"], reverse=True)
                if visible_s <= self.now_s and (since is None or record["at"] >= since)
            ]
            following = "more" if len(seen) > offset + 3 else None
            clock = START + timedelta(seconds=int(self.now_s - 0.5))  # a Date is a second of some moments ago
            date = format_datetime(clock.astimezone(UTC), usegmt=True)
            yield Answer(200, {"date": date}, {"results": seen[offset : offset + 3], "next": following})
            if following is None:
                return
            offset += 3


def tail_of(node: Node) -> Tail:
    return Tail(cast("Client", node), [])


_RECORDS = st.lists(
    st.tuples(
        st.floats(1.0, 150.0),
        st.one_of(st.floats(0.0, WRITTEN_S_MAX), st.floats(0.0, HANDLER_S_MAX + WRITTEN_S_MAX)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(_RECORDS, st.lists(st.tuples(st.integers(0, 200), st.integers(0, 4)), max_size=5))
def test_every_record_is_told_once(records: list[tuple[float, float]], failures: list[tuple[int, int]]) -> None:
    node = Node(records)
    tail = tail_of(node)
    told: list[Record] = tail.begin(0)
    for look in range(round(150.0 + HANDLER_S_MAX) + 2 * WHOLE_EVERY):
        node.now_s += LOOK_EVERY_S
        node.fails_after = dict(failures).get(look)
        try:
            told += tail.look()
        except Failed:
            node.fails_after = None
    assert sorted(record["decisionId"] for record in told) == sorted(
        f"{at:012.6f}.{number}" for number, (at, _) in enumerate(records)
    )


def test_what_was_there_before_is_shown_as_far_as_wanted_and_what_comes_then_is_new() -> None:
    node = Node([(0.001 * number, 0.0) for number in range(10)])
    node.now_s = 5.0
    shown = tail_of(node).begin(4)
    assert [record["decisionId"][-2:] for record in shown] == [".6", ".7", ".8", ".9"]
    node = Node([])
    tail = tail_of(node)
    assert (tail.begin(10), tail.look()) == ([], [])


def test_a_quiet_node_is_asked_for_one_page_a_look() -> None:
    node = Node([(1.0, 0.0), (2.0, 0.0)])
    node.now_s = 3.0
    tail = tail_of(node)
    tail.begin(10)
    before = node.pages_asked
    for _ in range(30):
        node.now_s += LOOK_EVERY_S
        assert tail.look() == []
    assert node.pages_asked - before == 30


def test_ids_are_remembered_no_longer_than_they_can_come_again() -> None:
    node = Node([(float(second), 0.0) for second in range(1, 1_000)])
    tail = tail_of(node)
    told = tail.begin(0)
    for _ in range(1_000):
        node.now_s += LOOK_EVERY_S
        told += tail.look()
    assert len(told) == 999
    assert len(tail._seen) <= WINDOW_S + 2 * WHOLE_EVERY


def test_the_window_is_long_enough_for_the_slowest_handler() -> None:
    assert HANDLER_S_MAX + WHOLE_EVERY * LOOK_EVERY_S + WRITTEN_S_MAX + 2.0 < WINDOW_S


def test_a_node_without_a_clock_cannot_be_followed() -> None:
    class Timeless(Node):
        def pages(self, *given: Any, **more: Any) -> Iterator[Answer]:
            for answer in super().pages(*given, **more):
                yield Answer(200, {}, answer.body)

    with pytest.raises(Failed, match="carry no Date"):
        tail_of(Timeless([])).begin(1)
