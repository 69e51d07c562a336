from datetime import timedelta
from typing import Any

from callgate.entities.quality import SoundQuality
from tests.calls.stage import Stage


async def test_messages_carry_their_place_and_time(stage: Stage) -> None:
    leg = await stage.joined()
    joined = stage.call.joined
    assert joined is not None
    stage.clock.advance(10)
    stage.agent.message("MESSAGE_ROLE_AGENT", "hello", "MESSAGE_MEDIUM_VOICE", 500.0, 1_500.0)
    stage.agent.message("MESSAGE_ROLE_USER", "hi", "MESSAGE_MEDIUM_TEXT", None, None)
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
    started, joined, ended = (event.payload for event in stage.store.outbox)
    assert (started["joined"], started["ended"]) == (None, None)
    assert joined["joined"] is not None
    assert joined["ended"] is None
    assert ended["endReason"] == "hangup"
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
