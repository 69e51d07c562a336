from datetime import UTC, datetime, timedelta

from callgate.core.admission.capacity import ROOM, Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.shadow import counted, left_out, merged, would_go
from callgate.entities.destination import Destination
from callgate.entities.shadow import DIFFERENCES_MAX, Difference, ShadowTally
from tests.core.admission.rules import IDS, VIDEO, config, invite, policies

AT = datetime(2026, 7, 1, tzinfo=UTC)
ONE, TWO = Destination("agent", IDS[0]), Destination("agent", IDS[1])
LIVE, DRAFT = policies(config((0, "^a"))), policies(config((1, "^a")))


def difference(number: int) -> Difference:
    at = AT + timedelta(seconds=number)
    return Difference(f"d{number:04}", at, "192.0.2.7", "sip:a@x", "sip:a@x", ONE, TWO)


def test_both_are_asked_the_same() -> None:
    attempt = invite("a")
    assert would_go(attempt, decide(attempt, LIVE, ROOM), DRAFT) == (ONE, TWO)
    assert would_go(attempt, decide(attempt, LIVE, ROOM), LIVE) == (ONE, ONE)
    video = invite("a", body=VIDEO)
    refused = Destination("refused", "no-common-codec")
    assert would_go(video, decide(video, LIVE, ROOM), DRAFT) == (refused, refused)


def test_want_of_room_is_no_difference_of_rules() -> None:
    attempt = invite("a")
    assert would_go(attempt, decide(attempt, LIVE, Capacity(draining=True)), DRAFT) is None


def test_what_is_counted() -> None:
    tally = ShadowTally()
    for one in (None, difference(1), None, difference(2)):
        tally = counted(tally, one)
    tally = left_out(tally)
    assert (tally.attempts, tally.changed, tally.left_out) == (4, 2, 1)
    assert tally.moves == {(ONE, TWO): 2}
    assert [one.decision_id for one in tally.last] == ["d0002", "d0001"]


def test_only_the_newest_are_listed_and_all_are_counted() -> None:
    tally = ShadowTally()
    for number in range(DIFFERENCES_MAX + 20):
        tally = counted(tally, difference(number))
    assert (tally.changed, len(tally.last)) == (DIFFERENCES_MAX + 20, DIFFERENCES_MAX)
    assert tally.last[0].decision_id == f"d{DIFFERENCES_MAX + 19:04}"


def test_what_several_have_seen_is_one_sum() -> None:
    whole = ShadowTally()
    parts = [ShadowTally(), left_out(ShadowTally()), ShadowTally()]
    for number in range(9):
        whole = counted(whole, difference(number))
        parts[number % 3] = counted(parts[number % 3], difference(number))
    assert merged(parts) == left_out(whole)
