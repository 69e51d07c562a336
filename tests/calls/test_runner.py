import gc
import weakref
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callgate.calls.creation import CallMaker
from callgate.calls.runner import STAGES_MAX
from callgate.core.sdp.negotiate import answer, offer
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.entities.tool import DurableTool
from callgate.ports import Rejection, StartCall
from callgate.ports.brain import StageRefused
from callgate.runtime.ids import SystemIds
from tests.calls.stage import AGENT, OFFER, Stage, StageLeg

VOICE_ID = "0b9c7a8e-0000-4000-8000-000000000001"


def done(leg: StageLeg) -> list[object]:
    return [what[0] for what in leg.did]


async def ended(stage: Stage, outcome: str, end_reason: str) -> None:
    """The call is over, counted, recorded and forgotten."""
    assert stage.session.did[-1] == ("close",)
    await stage.count_sound()
    assert stage.call.outcome == outcome
    assert stage.call.end_reason == end_reason
    assert stage.call.ended is not None
    assert [event.event for event in stage.store.outbox][-2:] == ["call.ended", "call.billed"]
    assert len(stage.registry) == 0
    assert [fields["outcome"] for event, fields in stage.log if event == "call.ended"] == [outcome]


async def test_a_voice_that_is_named_by_its_id_is_known_to_the_brain_by_its_name() -> None:
    stage = Stage(voice=VOICE_ID)
    stage.gate._around = replace(stage.around, maker=CallMaker(ids=SystemIds(), voices={VOICE_ID: "marin"}))
    await stage.joined()
    plan = stage.session.did[0][1]
    assert plan.settings["voice"] == "marin"
    assert stage.call.settings["voice"] == VOICE_ID
    assert stage.agent.stage({"voice": VOICE_ID}).settings["voice"] == "marin"


async def test_a_call_from_its_invite_to_its_last_record(stage: Stage) -> None:
    leg = await stage.invite()
    assert stage.facts() == ["started"]  # before the first ring
    assert done(leg) == []
    stage.clock.advance(0.5)
    stage.agent.ready()
    assert done(leg) == ["ring", "answer"]
    assert b"m=audio 20000 RTP/AVP 0 101" in leg.did[-1][1]
    assert ("begin",) not in stage.session.did  # no sound before the ACK
    assert leg.listener is not None
    leg.listener.confirmed(b"")
    assert stage.session.did[-1] == ("begin",)
    stage.clock.advance(3)
    leg.listener.hung_up("")
    assert done(leg) == ["ring", "answer"]  # the peer said BYE: nothing is to be sent
    await ended(stage, "caller-hangup", "hangup")
    assert stage.facts() == ["started", "joined", "ended"]
    assert [event.event for event in stage.store.outbox] == ["call.started", "call.joined", "call.ended", "call.billed"]
    assert stage.call.ended is not None
    assert stage.call.joined is not None
    assert (stage.call.ended - stage.call.joined).total_seconds() == 3
    assert stage.call.sip["timings"] == {
        "agentReadyMs": 500.0,
        "ringingMs": 500.0,
        "answeredMs": 500.0,
        "acknowledgedMs": 500.0,
    }
    record = stage.store.records[0]
    assert (record.call_id, record.agent_id, record.status) == (stage.call.call_id, AGENT, None)


async def test_a_call_that_is_over_goes_without_the_collector(stage: Stage) -> None:
    # A full collection is rare: what waits for one stays for hours.
    gc.disable()
    try:
        leg = await stage.joined()
        runner = stage.registry.in_dialog(leg.dialog_name)
        assert runner is not None
        gone = weakref.ref(runner)
        del runner
        assert leg.listener is not None
        leg.listener.hung_up("")
        await stage.count_sound()
        leg.listener = stage.session.listener = None  # as real legs and sessions do that are over
        await stage.settle()
        assert gone() is None
    finally:
        gc.enable()


async def test_it_rings_after_two_seconds_and_again_every_minute_until_the_agent_is_ready() -> None:
    stage = Stage(joinTimeout="600s")
    leg = await stage.invite()
    stage.clock.advance(1.9)
    assert done(leg) == []
    stage.clock.advance(0.1)
    assert done(leg) == ["ring"]
    stage.clock.advance(125)
    assert done(leg) == ["ring"] * 3
    stage.agent.ready()
    stage.clock.advance(125)
    assert done(leg) == ["ring"] * 4 + ["answer"]


async def test_a_caller_who_cancels_while_it_rings(stage: Stage) -> None:
    leg = await stage.invite()
    assert leg.listener is not None
    leg.listener.cancelled("")
    assert done(leg) == []  # the leg has sent the 487
    await ended(stage, "caller-cancelled", "unjoined")


async def test_an_agent_that_is_unreachable(stage: Stage) -> None:
    leg = await stage.invite()
    stage.agent.brain_failed("nobody at home")
    assert leg.did == [("refuse", 480)]
    await ended(stage, "agent-unreachable", "connection_error")
    assert stage.call.outcome_detail == "nobody at home"


async def test_an_agent_that_is_not_ready_in_time() -> None:
    stage = Stage(joinTimeout="5s")
    leg = await stage.invite()
    stage.clock.advance(5)
    assert leg.did[-1] == ("refuse", 480)
    await ended(stage, "agent-not-ready", "unjoined")


async def test_an_answer_that_is_never_acknowledged(stage: Stage) -> None:
    leg = await stage.invite()
    stage.agent.ready()
    assert leg.listener is not None
    leg.listener.unacknowledged()
    await ended(stage, "no-ack", "connection_error")


async def test_an_agent_that_says_goodbye(stage: Stage) -> None:
    leg = await stage.joined()
    stage.agent.hang_up_requested("agent-hangup")
    assert leg.did[-1] == ("bye", "The agent hung up.")
    await ended(stage, "agent-hangup", "agent_hangup")


async def test_an_agent_that_breaks_during_the_call(stage: Stage) -> None:
    leg = await stage.joined()
    stage.agent.brain_failed("broken")
    assert done(leg)[-1] == "bye"
    await ended(stage, "agent-lost", "connection_error")
    assert [event.type for event in stage.store.events] == ["agent_failed"]


async def test_the_api_hangs_up_with_and_without_last_words(stage: Stage) -> None:
    leg = await stage.joined()
    call_id = stage.call.call_id
    assert stage.registry.is_live(call_id)
    assert stage.registry.hang_up(call_id, "have a nice day")
    assert stage.session.did[-1] == ("say", "have a nice day", "api-hangup")
    stage.agent.hang_up_requested("api-hangup")
    assert done(leg)[-1] == "bye"
    await ended(stage, "api-hangup", "agent_hangup")
    assert not stage.registry.hang_up(call_id)


async def test_a_call_that_is_not_joined_cannot_be_hung_up_by_the_api(stage: Stage) -> None:
    await stage.invite()
    assert stage.registry.is_live(stage.call.call_id)
    assert not stage.registry.hang_up(stage.call.call_id)


async def test_the_longest_call_ends_with_its_message() -> None:
    stage = Stage(maxDuration="60s", timeExceededMessage="time is up")
    leg = await stage.joined()
    stage.clock.advance(60)
    assert stage.session.did[-1] == ("say", "time is up", "max-duration")
    assert "bye" not in done(leg)
    stage.agent.hang_up_requested("max-duration")
    await ended(stage, "max-duration", "timeout")


async def test_the_longest_call_ends_even_when_the_last_words_never_do() -> None:
    stage = Stage(maxDuration="60s", timeExceededMessage="time is up")
    leg = await stage.joined()
    stage.clock.advance(75)
    assert done(leg)[-1] == "bye"
    await ended(stage, "max-duration", "timeout")


async def test_without_a_message_the_longest_call_ends_at_once() -> None:
    stage = Stage(maxDuration="60s")
    leg = await stage.joined()
    stage.clock.advance(60)
    assert done(leg)[-1] == "bye"
    await ended(stage, "max-duration", "timeout")


@pytest.mark.parametrize("answered", [False, True])
async def test_a_worker_that_dies_ends_its_calls_at_once(stage: Stage, answered: bool) -> None:
    leg = await stage.joined() if answered else await stage.invite()
    stage.agent.lost()
    await stage.settle()
    assert done(leg)[-1] == ("bye" if answered else "refuse")
    assert stage.call.outcome == "worker-lost"
    assert len(stage.registry) == 0


async def test_a_call_that_cannot_be_stored_is_refused_before_anyone_answers(stage: Stage) -> None:
    stage.store.broken = True
    leg = await stage.invite()
    assert leg.did == [("refuse", 500)]
    assert stage.session.did[-1] == ("close",)
    stage.store.broken = False
    await stage.count_sound()
    assert stage.facts() == []
    assert len(stage.registry) == 0
    assert [record.outcome for record in stage.store.records] == ["failure"]


async def test_a_template_that_does_not_fit_makes_no_call() -> None:
    stage = Stage(contextSchema={"type": "object", "required": ["customer"]})
    leg = await stage.invite()
    assert leg.did == [("refuse", 500)]
    assert stage.facts() == []
    assert stage.session.did == [("close",)]
    assert [record.outcome for record in stage.store.records] == ["template-unfit"]
    assert len(stage.registry) == 0


async def test_the_handler_names_an_agent() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    assert stage.hook.asked[0].body["callerId"] == "+15550100"
    assert stage.facts() == []
    stage.clock.advance(2)
    assert done(leg) == ["ring"]
    stage.hook.answer.set_result(StartCall(AGENT, {"metadata": {"a": "b"}}, {"status": 200}))
    await stage.settle()
    assert stage.call.metadata["a"] == "b"
    assert stage.store.records[0].decision_id == stage.hook.asked[0].decision_id
    assert stage.store.records[0].trace[-1].result == "matched"
    stage.agent.ready()
    await stage.settle()
    assert done(leg)[-1] == "answer"


async def test_handlers_that_were_asked_in_vain_stand_in_the_record_before_what_came_of_it() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    said: JsonObject = {"agentOnFailure": AGENT, "reason": "handler failed: silence; sent to the agent for failures"}
    stage.hook.answer.set_result(StartCall(AGENT, {}, said, before=({"which": "first"}, {"which": "second"})))
    await stage.settle()
    record = stage.store.records[0]
    assert [(entry.result, dict(entry.facts)) for entry in record.trace[-3:]] == [
        ("missed", {"which": "first"}),
        ("missed", {"which": "second"}),
        ("matched", said),
    ]
    assert (record.agent_id, record.call_id) == (AGENT, stage.call.call_id)
    stage.agent.ready()
    await stage.settle()
    assert done(leg)[-1] == "answer"


async def test_the_handler_rejects() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    stage.hook.answer.set_result(Rejection("handler-rejected", 486, "not now", {"status": 200}))
    await stage.settle()
    assert leg.did == [("refuse", 486)]
    record = stage.store.records[0]
    assert (record.outcome, record.status, record.call_id) == ("handler-rejected", 486, None)
    assert len(stage.registry) == 0
    assert stage.session.did == [("close",)]


async def test_a_caller_who_leaves_while_the_handler_thinks_ends_the_question() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody")
    assert leg.listener is not None
    leg.listener.cancelled("")
    await stage.settle()
    assert stage.hook.abandoned
    assert [record.outcome for record in stage.store.records] == ["caller-cancelled"]
    assert len(stage.registry) == 0


async def test_a_drained_node_ends_what_is_left(stage: Stage) -> None:
    leg = await stage.joined()
    await stage.registry.drain(0)
    assert done(leg)[-1] == "bye"
    await ended(stage, "drained", "system_error")


async def test_a_delayed_offer_is_made_in_the_200_and_answered_by_the_ack(stage: Stage) -> None:
    leg = await stage.invite(body=b"")
    assert stage.session.did[0][2] is None
    stage.agent.ready()
    ours = leg.did[-1][1]
    assert leg.listener is not None
    leg.listener.confirmed(answer(ours, address="192.0.2.1", port=4_444, session_id=3).sdp)
    (redirect,) = [what for what in stage.session.did if what[0] == "redirect"]
    assert redirect[1].remote_port == 4_444
    assert stage.session.did[-1] == ("begin",)


async def test_an_ack_without_the_answer_to_our_offer_ends_the_call(stage: Stage) -> None:
    leg = await stage.invite(body=b"")
    stage.agent.ready()
    assert leg.listener is not None
    leg.listener.confirmed(b"")
    assert done(leg)[-1] == "bye"
    await ended(stage, "answer-unusable", "connection_error")


async def test_hold_and_a_new_address_reach_the_sound_and_nonsense_is_refused(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    held = leg.listener.reoffered(OFFER.replace(b"sendrecv", b"sendonly"))
    assert held.status == 200
    assert b"a=recvonly" in held.sdp
    assert stage.session.did[-1][1].send is False
    moved = leg.listener.reoffered(offer(address="192.0.2.99", port=5_000, session_id=1, version=1))
    assert stage.session.did[-1][1].remote_address == "192.0.2.99"
    assert b"o=callgate" in moved.sdp
    refused = leg.listener.reoffered(b"v=0\r\nm=video 1 RTP/AVP 96\r\n")
    assert refused.status == 488
    assert refused.headers[0][0] == "Warning"


async def test_digits_by_info_reach_the_agent_and_what_is_said_is_kept(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    leg.listener.digit("5", 100)
    assert stage.session.did[-1] == ("digit", "5")
    stage.agent.message("MESSAGE_ROLE_AGENT", "hello", "MESSAGE_MEDIUM_VOICE", 500.0, 900.0, None)
    stage.agent.event("warning", "speech_engine_missing", "no engine", {})
    assert [(message.index, message.text, message.start_s) for message in stage.store.messages] == [(0, "hello", 0.5)]
    assert stage.store.events[0].type == "speech_engine_missing"


async def test_late_news_of_a_call_that_is_over_changes_nothing(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    leg.listener.hung_up("")
    leg.listener.hung_up("")
    stage.agent.brain_failed("late")
    await stage.count_sound()
    stage.agent.closed(SoundQuality())
    stage.agent.lost()
    await stage.settle()
    assert stage.facts() == ["started", "joined", "ended"]
    assert stage.call.outcome == "caller-hangup"


async def test_a_stage_is_entered_with_its_tools_in_place_and_its_last_words() -> None:
    stage = Stage(timeExceededMessage="First.", maxDuration="60s", model="demo")
    stage.snapshot.tools["t"] = DurableTool("t", "a", "look", datetime(2026, 1, 1, tzinfo=UTC), {"client": {}})
    await stage.joined()
    entered = stage.agent.stage(
        {
            "timeExceededMessage": "Second.",
            "selectedTools": [{"toolName": "look"}],
            "maxDuration": "9s",
            "model": "demo",
        }
    )
    assert entered.settings == {
        "timeExceededMessage": "Second.",
        "selectedTools": [
            {"toolName": "look", "toolId": "t", "temporaryTool": {"modelToolName": "look", "client": {}}}
        ],
    }
    told = stage.store.events[-1]
    assert (told.type, told.text, told.stage_id) == (
        "tool_stage",
        "a stage cannot change maxDuration",
        entered.stage_id,
    )
    stage.clock.advance(60)
    assert stage.session.did[-1] == ("say", "Second.", "max-duration")


async def test_a_stage_whose_body_is_wrong_or_that_comes_too_often_is_refused(stage: Stage) -> None:
    await stage.invite()
    with pytest.raises(StageRefused, match="not joined"):
        stage.agent.stage({})
    stage = Stage()
    await stage.joined()
    with pytest.raises(StageRefused, match="temperature: expected a number"):
        stage.agent.stage({"temperature": 7})
    assert stage.store.stages == []
    for _ in range(STAGES_MAX - 1):
        stage.agent.stage({})
    with pytest.raises(StageRefused, match="as many as it may"):
        stage.agent.stage({})
    assert [one.position for one in stage.store.stages] == list(range(STAGES_MAX))


async def test_an_offer_in_the_ringing_is_answered_in_the_prack(stage: Stage) -> None:
    leg = await stage.invite(body=b"")
    assert leg.listener is not None
    ours = leg.listener.offer()
    leg.listener.settled(answer(ours, address="192.0.2.1", port=4_444, session_id=3).sdp)
    (redirect,) = [what for what in stage.session.did if what[0] == "redirect"]
    assert redirect[1].remote_port == 4_444
    stage.agent.ready()
    assert leg.did[-1] == ("answer", ours)
    leg.listener.confirmed(b"")
    assert stage.session.did[-1] == ("begin",)


async def test_a_prack_while_the_owner_is_asked_settles_what_the_call_begins_with() -> None:
    stage = Stage(handler=True)
    leg = await stage.invite("somebody", body=b"")
    assert leg.listener is not None
    ours = leg.listener.offer()
    leg.listener.settled(answer(ours, address="192.0.2.1", port=4_444, session_id=3).sdp)
    stage.hook.answer.set_result(StartCall(AGENT, {}))
    await stage.settle()
    (opened,) = [what for what in stage.session.did if what[0] == "open"]
    assert opened[2].remote_port == 4_444


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("body", [b"", b"nonsense"])
async def test_a_prack_without_a_usable_answer_refuses_the_call(asked: bool, body: bytes) -> None:
    stage = Stage(handler=asked)
    leg = await stage.invite("somebody" if asked else "demo", body=b"")
    assert leg.listener is not None
    leg.listener.offer()
    leg.listener.settled(body)
    assert leg.did[-1] == ("refuse", 488)
    await stage.settle()
    if asked:
        assert stage.store.records[-1].outcome == "answer-unusable"
    else:
        await ended(stage, "answer-unusable", "connection_error")


@pytest.mark.parametrize("when", ["asked", "starting", "answered"])
async def test_ringing_that_is_never_acknowledged_ends_the_call(when: str) -> None:
    stage = Stage(handler=when == "asked")
    leg = await stage.invite("somebody" if when == "asked" else "demo", body=b"")
    assert leg.listener is not None
    if when == "answered":
        stage.agent.ready()
    leg.listener.no_prack()
    await stage.settle()
    if when == "asked":
        assert (stage.store.records[-1].outcome, stage.store.records[-1].status) == ("no-prack", 504)
    else:
        await ended(stage, "no-prack", "connection_error")


async def test_a_caller_that_cancels_while_the_answer_waits_for_its_prack(stage: Stage) -> None:
    leg = await stage.invite(body=b"")
    stage.agent.ready()
    assert leg.listener is not None
    leg.listener.cancelled("")
    await ended(stage, "caller-cancelled", "unjoined")


async def test_a_refresh_repeats_our_sdp_and_moves_the_sound_only_when_the_answer_does(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    ours = leg.listener.offer()
    assert ours == next(what[1] for what in leg.did if what[0] == "answer")
    before = list(stage.session.did)
    leg.listener.settled(b"")
    assert stage.session.did == before
    leg.listener.settled(answer(ours, address="192.0.2.99", port=5_000, session_id=1).sdp)
    assert stage.session.did[-1][1].remote_address == "192.0.2.99"


async def test_a_caller_that_refreshes_no_more_is_gone(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    leg.listener.vanished("the session was not refreshed in time")
    await ended(stage, "connection-lost", "connection_error")
