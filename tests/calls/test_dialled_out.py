from callgate.calls.dialled_out import DialledOut
from callgate.calls.talk import Talk
from callgate.core.sdp.terms import SoundTerms
from callgate.testing.clock import ManualClock
from tests.calls.stage import Stage, StageLeg
from tests.signaling.wire import ANSWER, Ear


def answered() -> tuple[DialledOut, StageLeg, Talk, ManualClock, Ear]:
    clock, leg, ear = ManualClock(), StageLeg(Stage.attempt()), Ear()
    talk = Talk(b"", "127.0.0.1", 4_000, session_id=1, terms=SoundTerms(), new_key=bytes)
    talk.offer()
    talk.take_answer(ANSWER)
    ours = DialledOut(leg, talk, clock)
    ours.listen(ear)
    assert leg.listener is not None
    return ours, leg, talk, clock, ear


async def test_an_answer_is_confirmed_by_itself_and_nothing_is_sent() -> None:
    ours, leg, _, clock, ear = answered()
    ours.ring()
    ours.answer(b"")
    assert ear.silent
    clock.advance(0)
    assert await ear.heard() == ("confirmed", b"")
    assert leg.did == []


async def test_while_the_peer_owes_an_answer_its_ack_confirms() -> None:
    ours, _, talk, clock, ear = answered()
    talk.reoffered(b"")
    ours.answer(b"")
    clock.advance(0)
    assert ear.silent


async def test_without_an_agent_there_is_a_bye() -> None:
    ours, leg, _, clock, ear = answered()
    ours.answer(b"")
    ours.refuse(480, (), "no agent")
    clock.advance(0)
    assert leg.did == [("bye", "no agent")]
    assert ear.silent
