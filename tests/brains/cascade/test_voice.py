import pytest

from callgate.brains.cascade.servers import Patience
from callgate.core.audio.tones import strength
from callgate.testing.cascade_servers import CascadeServers
from tests.brains.cascade.talk import USER_FIRST, MakeCall, is_told, speaks


async def test_the_voice_of_the_call_is_spoken_with_where_it_is_known(servers: CascadeServers, call: MakeCall) -> None:
    known = call({**USER_FIRST, "voice": "Nova"}, voice="alloy")
    await known.begins()
    assert known.events == []
    servers.refused_voices = {"Mark"}
    unknown = call({**USER_FIRST, "voice": "Mark"}, voice="alloy")
    await unknown.begins()
    assert [type for type, _ in unknown.events] == ["voice_not_taken"]
    speaks(unknown)
    await is_told(unknown)
    assert [spoken.body["voice"] for spoken in servers.spoken] == ["Nova", "alloy", "alloy"]


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 44_100])
async def test_a_server_that_speaks_wav_only_is_understood(
    servers: CascadeServers, call: MakeCall, rate_hz: int
) -> None:
    servers.forms, servers.speech_rate_hz = {"wav"}, rate_hz
    one = call()
    await one.begins()
    speaks(one)
    await is_told(one)
    assert len(one.sent) * 20 == pytest.approx(50 * len("Yes."), abs=20)
    assert strength(b"".join(one.sent), servers.hz, 24_000) > 0.97


async def test_a_clause_that_is_not_spoken_is_asked_for_again(servers: CascadeServers, call: MakeCall) -> None:
    one = call()
    await one.begins()
    servers.mute = 1
    speaks(one)
    await is_told(one)
    assert [spoken.finished for spoken in servers.spoken[1:]] == [False, True]
    assert one.messages[-1] == ("agent", "Yes.")


async def test_a_speech_server_that_fails_fails_the_brain(servers: CascadeServers, call: MakeCall) -> None:
    one = call()
    await one.begins()
    servers.refuses["/audio/speech"] = 503
    speaks(one)
    await one.until(lambda: one.failures)
    assert "the speech server refused with HTTP 503" in one.failures[0]
    other = call(patience=Patience(first_sound=0.1))
    servers.refuses.clear()
    await other.begins()
    servers.speaks.clear()
    speaks(other)
    await other.until(lambda: other.failures)
    assert other.failures == ["the speech server sent nothing for 0.1 s"]
    assert servers.speaking[1] <= 2
