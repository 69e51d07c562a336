from datetime import timedelta
from typing import Any

from callgate.entities.call import ToolUse
from callgate.entities.quality import SoundQuality
from tests.calls.stage import Stage


async def test_messages_carry_their_place_and_time(stage: Stage) -> None:
    leg = await stage.joined()
    joined = stage.call.joined
    assert joined is not None
    stage.clock.advance(10)
    stage.agent.message("MESSAGE_ROLE_AGENT", "hello", "MESSAGE_MEDIUM_VOICE", 500.0, 1_500.0, None)
    stage.agent.message("MESSAGE_ROLE_USER", "hi", "MESSAGE_MEDIUM_TEXT", None, None, None)
    first, second = stage.store.messages
    assert (first.index, first.start_s, first.end_s, first.at) == (0, 0.5, 1.5, joined + timedelta(seconds=0.5))
    assert (second.index, second.start_s, second.at) == (1, None, joined + timedelta(seconds=10))
    assert leg.listener is not None


async def test_events_carry_their_offset_from_the_join(stage: Stage) -> None:
    leg = await stage.invite()
    stage.agent.event("info", "early", "words", {})
    stage.agent.ready()
    await stage.settle()
    assert leg.listener is not None
    leg.listener.confirmed(b"")
    stage.clock.advance(2.5)
    stage.agent.event("warning", "late", "words", {"a": 1})
    assert [(event.type, event.offset_s) for event in stage.store.events] == [("early", 0.0), ("late", 2.5)]


async def test_the_outbox_shows_the_call_as_it_was_at_each_moment(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    leg.listener.hung_up("")
    await stage.count_sound()
    assert [event.event for event in stage.store.outbox] == ["call.started", "call.joined", "call.ended", "call.billed"]
    started, joined, ended, billed = (event.payload for event in stage.store.outbox)
    assert (started["joined"], started["ended"]) == (None, None)
    assert joined["joined"] is not None
    assert joined["ended"] is None
    assert joined["billedDuration"] is None
    assert ended["endReason"] == "hangup"
    assert billed == ended
    assert (billed["billedDuration"], billed["billedSideInputTokens"]) == ("0s", 0)
    ids = [event.event_id for event in stage.store.outbox]
    assert ids == sorted(ids)


async def test_the_log_has_one_line_for_the_end(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    leg.listener.hung_up("had enough")
    await stage.count_sound()
    (fields,) = [fields for event, fields in stage.log if event == "call.ended"]
    assert (fields["doing"], fields["detail"], fields["packets_in"]) == ("caller", "had enough", 5)


async def test_the_record_holds_how_the_sound_fared(stage: Stage) -> None:
    leg = await stage.joined()
    assert leg.listener is not None
    stage.agent.measured(SoundQuality("PCMA", packets_received=3, packets_lost=1))

    def kept() -> dict[str, Any]:
        sound: Any = stage.call.sip["sound"]
        quality: dict[str, Any] = sound["quality"]
        return quality

    assert kept()["packetsReceived"] == 0  # as it was at the join
    leg.listener.hung_up("")
    await stage.count_sound()
    quality = kept()
    assert (quality["packetsReceived"], quality["packetsSent"], quality["jitterMs"]) == (5, 6, None)
    assert quality["verdict"] == "good"


async def test_a_refused_call_names_what_came_of_it() -> None:
    stage = Stage(systemPrompt="hello {{#unclosed}}")
    await stage.invite()
    (record,) = stage.store.records
    assert (record.outcome, record.status) == ("template-unfit", 500)
    assert dict(record.trace[-1].facts)["outcome"] == "template-unfit"
    assert stage.store.facts == []


def used(stage: Stage, role: str, invocation: str, **more: Any) -> None:
    about = ToolUse("look", invocation, "tool", **more)
    stage.agent.message(f"MESSAGE_ROLE_TOOL_{role}", "text", "MESSAGE_MEDIUM_VOICE", None, None, about)


async def test_what_is_said_in_a_new_stage_counts_from_its_initial_messages() -> None:
    stage = Stage(systemPrompt="First.", voice="Ada", initialMessages=[{"role": "MESSAGE_ROLE_USER", "text": "a"}])
    await stage.joined()
    first_id = stage.call.stage_id
    stage.agent.message("MESSAGE_ROLE_USER", "hi", "MESSAGE_MEDIUM_VOICE", None, None, None)
    entered = stage.agent.stage(
        {"systemPrompt": "Second.", "initialMessages": [{"text": "b"}, {"text": "c"}], "initialState": {"n": 1}}
    )
    stage.agent.event("info", "call_stage", "words", {})
    stage.agent.message("MESSAGE_ROLE_AGENT", "hello", "MESSAGE_MEDIUM_VOICE", None, None, None)
    first, second = stage.store.messages
    assert (first.index, first.stage_id, first.stage_index) == (0, first_id, 1)
    assert (second.index, second.stage_id, second.stage_index) == (1, entered.stage_id, 2)
    assert stage.store.events[-1].stage_id == entered.stage_id != first_id
    before, after = stage.store.stages
    assert (before.stage_id, before.position, before.settings["systemPrompt"]) == (first_id, 0, "First.")
    assert (after.stage_id, after.position) == (entered.stage_id, 1)
    assert (after.settings["systemPrompt"], after.settings["voice"]) == ("Second.", "Ada")


async def test_the_result_of_a_tool_stays_in_the_stage_of_its_call(stage: Stage) -> None:
    await stage.joined()
    first_id = stage.call.stage_id
    used(stage, "CALL", "one")
    used(stage, "CALL", "two")
    entered = stage.agent.stage({})
    used(stage, "RESULT", "one")
    used(stage, "CALL", "three")
    used(stage, "RESULT", "three", error="no", state={"a": 1})
    used(stage, "RESULT", "two")
    found = [(one.tool and one.tool.invocation_id, one.stage_id, one.stage_index) for one in stage.store.messages]
    assert found == [
        ("one", first_id, 0),
        ("two", first_id, 1),
        ("one", first_id, 2),
        ("three", entered.stage_id, 0),
        ("three", entered.stage_id, 1),
        ("two", first_id, 3),
    ]
    assert stage.store.messages[4].tool == ToolUse("look", "three", "tool", "no", {"a": 1})


async def test_the_call_is_as_its_last_stage_says(stage: Stage) -> None:
    leg = await stage.joined()
    entered = stage.agent.stage({"systemPrompt": "Second.", "externalVoice": {"lmnt": {"voiceId": "x"}}})
    assert leg.listener is not None
    leg.listener.hung_up("")
    await stage.count_sound()
    assert (stage.call.stage_id, stage.call.settings["systemPrompt"]) == (entered.stage_id, "Second.")
    assert stage.store.outbox[-1].payload["systemPrompt"] == "Second."
