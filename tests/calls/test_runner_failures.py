"""What goes wrong in the middle of a call ends that call, gives back what it held and leaves a record."""

import pytest

from callgate.core.sdp.negotiate import offer
from callgate.entities.call import Call, OutboxEvent
from callgate.ports import Rejection, StartCall
from tests.calls.stage import OFFER, Stage, StageLeg
from tests.calls.test_runner import done, ended

NO_AUDIO = OFFER.replace(b"m=audio", b"m=video")


async def test_an_offer_that_only_negotiation_finds_unfit_ends_without_waiting_for_a_session_never_opened(
    stage: Stage,
) -> None:
    considered = stage.gate.consider(stage.attempt())
    leg = StageLeg(stage.attempt(body=NO_AUDIO))  # admission saw another one
    stage.gate.arrived(leg, considered)
    await stage.settle()
    assert leg.did == [("refuse", 500)]
    assert stage.session.did == [("close",)]
    assert (stage.call.outcome, stage.call.end_reason) == ("failure", "system_error")
    assert len(stage.registry) == 0


async def test_a_leg_that_cannot_answer_ends_the_call_once(stage: Stage) -> None:
    leg = await stage.invite()

    def fail() -> None:
        raise RuntimeError("no")

    leg.ring = fail  # type: ignore[method-assign]
    stage.agent.ready()
    assert done(leg) == ["bye"]  # which the leg makes a refusal; and no answer after that
    await ended(stage, "failure", "system_error")


async def test_a_leg_that_cannot_hang_up_keeps_neither_session_nor_slot(stage: Stage) -> None:
    leg = await stage.joined()

    def fail(cause: str = "") -> None:
        raise RuntimeError("no")

    leg.hang_up = fail  # type: ignore[method-assign]
    stage.agent.hang_up_requested("agent-hangup")
    await ended(stage, "agent-hangup", "agent_hangup")


async def test_an_outcome_that_no_catalogue_knows_is_the_agents_goodbye(stage: Stage) -> None:
    await stage.joined()
    stage.agent.hang_up_requested("because I felt like it")
    await ended(stage, "agent-hangup", "agent_hangup")


async def test_a_handler_that_breaks_the_promise_not_to_raise() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    stage.hook.answer.set_exception(RuntimeError("no"))
    await stage.settle()
    assert leg.did == [("refuse", 500)]
    assert stage.session.did == [("close",)]
    assert [(record.outcome, record.status) for record in stage.store.records] == [("failure", 500)]
    assert len(stage.registry) == 0


@pytest.mark.parametrize(
    ("outcome", "status"), [("handler-timeout", 504), ("handler-failed", 502), ("handler-rejected", 486)]
)
async def test_every_way_in_which_a_handler_fails_or_refuses(outcome: str, status: int) -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    stage.hook.answer.set_result(Rejection(outcome, status, "words", {"tries": 1}))
    await stage.settle()
    assert leg.did == [("refuse", status)]
    (record,) = stage.store.records
    assert (record.outcome, record.status, record.call_id) == (outcome, status, None)
    assert ("tries", 1) in record.trace[-2].facts
    assert stage.store.facts == []


async def test_a_worker_that_dies_while_the_owner_is_asked_is_noticed_when_the_call_is_made() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    stage.hook.answer.set_result(StartCall(None, {"systemPrompt": "hi"}))
    await stage.settle()
    stage.agent.lost()
    await stage.settle()
    assert leg.did[-1] == ("refuse", 500)
    assert stage.call.outcome == "worker-lost"
    assert len(stage.registry) == 0


async def test_an_unusable_answer_to_a_later_offer_of_ours_ends_the_call(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    reply = leg.listener.reoffered(b"")
    assert b"m=audio" in reply.sdp
    leg.listener.confirmed(b"")
    assert done(leg)[-1] == "bye"
    await ended(stage, "answer-unusable", "connection_error")


async def test_what_a_peer_writes_never_breaks_the_warning(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    reply = leg.listener.reoffered(b'v=0\r\no=- "\xff\\ 1 IN IP4 x\r\ns=-\r\nt=0 0\r\nm=video 1 RTP/AVP "x"\r\n')
    assert reply.status == 488
    ((name, value),) = reply.headers
    assert name == "Warning"
    assert value.isascii()
    assert value.isprintable()
    assert value.count('"') == 2


async def test_a_store_that_fails_during_the_call_disturbs_nobody(stage: Stage) -> None:
    leg = await stage.invite()
    stage.agent.ready()
    stage.store.broken = True
    assert leg.listener is not None
    leg.listener.confirmed(b"")
    await stage.settle()
    assert ("begin",) in stage.session.did
    stage.store.broken = False
    leg.listener.hung_up("")
    await ended(stage, "caller-hangup", "hangup")
    assert stage.facts() == ["started", "ended"]
    assert stage.call.joined is not None


async def test_an_end_that_waits_behind_a_join_that_cannot_be_written_is_written(stage: Stage) -> None:
    leg = await stage.invite()
    stage.agent.ready()

    async def refuse(call: Call, event: OutboxEvent) -> None:
        raise OSError("disk full")

    stage.store.call_joined = refuse  # type: ignore[method-assign]
    assert leg.listener is not None
    leg.listener.confirmed(b"")
    leg.listener.hung_up("")  # on the same turn of the loop
    await ended(stage, "caller-hangup", "hangup")
    assert stage.facts() == ["started", "ended"]


async def test_a_caller_who_leaves_before_the_store_refuses_the_call_leaves_a_record(stage: Stage) -> None:
    stage.store.broken = True
    considered = stage.gate.consider(stage.attempt())
    leg = StageLeg(stage.attempt())
    stage.gate.arrived(leg, considered)
    assert leg.listener is not None
    leg.listener.cancelled("")
    await stage.count_sound()
    assert stage.store.facts == []
    assert [(record.outcome, record.status) for record in stage.store.records] == [("caller-cancelled", 487)]
    assert len(stage.registry) == 0


async def test_a_second_offer_is_answered_with_a_newer_version(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    first = leg.listener.reoffered(offer(address="192.0.2.9", port=5_000, session_id=2))
    second = leg.listener.reoffered(offer(address="192.0.2.9", port=5_002, session_id=2))
    assert first.status == second.status == 200
    assert first.sdp.split(b"\r\n")[1] != second.sdp.split(b"\r\n")[1]


@pytest.mark.parametrize("asked", [False, True])
async def test_a_caller_who_still_waits_when_the_node_ends_is_told_to_try_again(asked: bool) -> None:
    stage = Stage(handler=asked)
    leg = await stage.invite("somebody" if asked else "demo")
    refusals: list[tuple[object, ...]] = []
    leg.refuse = lambda *said: refusals.append(said)  # type: ignore[method-assign]
    await stage.registry.drain(0)
    await stage.settle()
    assert [refusal[:2] for refusal in refusals] == [(503, (("Retry-After", "10"),))]
    assert stage.hook.abandoned is asked
    if not asked:
        await stage.count_sound()
    assert await stage.registry.ended(0)
