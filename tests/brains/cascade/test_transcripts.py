from callgate.testing.cascade_servers import CascadeServers
from tests.brains.cascade.talk import ENDPOINT_MS, USER_FIRST, VOICE, MakeCall, is_told, roles, speaks


async def test_a_model_that_cannot_listen_reads(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["My name is Ada.", "And you?"]
    servers.writes.clear()
    one = call({**USER_FIRST, "languageHint": "de-DE"}, writes=True, audio_input=False)
    await one.begins()
    speaks(one)
    await one.until(lambda: servers.written)
    assert servers.written[0].fields == {"model": "asr", "language": "de", "response_format": "json"}
    assert servers.written[0].wav[:4] == b"RIFF"
    assert servers.prompts == []
    servers.writes.set()
    await is_told(one)
    assert roles(servers.prompts[0]) == [("user", "My name is Ada.")]
    assert one.messages == [("user", "My name is Ada."), ("agent", "Yes.")]


async def test_turns_in_quick_succession_are_read_together(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["My name", "is Ada."]
    servers.writes.clear()
    one = call(writes=True, audio_input=False)
    await one.begins()
    speaks(one)
    speaks(one)
    await one.until(lambda: len(servers.written) == 2)
    servers.writes.set()
    await is_told(one)
    assert [roles(prompt) for prompt in servers.prompts] == [[("user", "My name\nis Ada.")]]


async def test_a_noise_is_no_turn_but_the_agent_goes_on_after_it(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["", "Hello.", ""]
    one = call(writes=True, audio_input=False)
    await one.begins()
    speaks(one)
    await one.until(lambda: len(servers.written) == 1)
    one.lasts(200)
    speaks(one)
    await one.lasts_until(lambda: one.bridge.queued_ms > 0)
    assert roles(servers.prompts[0]) == [("user", "Hello.")]
    one.lasts(20)
    one.lasts(160, VOICE)
    assert not one.bridge.queued_ms
    one.lasts(ENDPOINT_MS)
    await one.until(lambda: len(servers.prompts) == 2)
    assert "Go on" in servers.prompts[1]["messages"][-1]["content"]
    assert [role for role, _ in one.messages].count("user") == 1


async def test_a_model_that_listens_is_given_old_turns_as_text(servers: CascadeServers, call: MakeCall) -> None:
    servers.transcripts += ["My name is Ada.", "And you?"]
    servers.writes.clear()
    one = call(writes=True)
    await one.begins()
    speaks(one)
    await is_told(one)  # an answer does not wait for the transcript; the messages keep their order
    assert one.messages == []
    servers.writes.set()
    await one.until(lambda: one.messages)
    assert one.messages == [("user", "My name is Ada."), ("agent", "Yes.")]
    speaks(one)
    await one.until(lambda: len(servers.prompts) == 2)
    assert roles(servers.prompts[1]) == [("user", "My name is Ada."), ("assistant", "Yes."), ("user", ["<sound>"])]


async def test_a_transcript_that_fails_is_missed_only_by_who_needs_it(servers: CascadeServers, call: MakeCall) -> None:
    listener, reader = call(writes=True), call(writes=True, audio_input=False)
    await listener.begins()
    await reader.begins()
    servers.refuses["/audio/transcriptions"] = 500
    speaks(listener)
    await is_told(listener)
    await listener.until(lambda: listener.messages)
    assert listener.messages == [("user", "(the caller spoke for 0.4 s)"), ("agent", "Yes.")]
    assert [type for type, _ in listener.events] == ["brain_error"]
    speaks(reader)
    await reader.until(lambda: reader.failures)
    assert "the transcription server refused with HTTP 500" in reader.failures[0]
