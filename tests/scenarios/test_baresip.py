"""A client that others wrote calls, and really hears the greeting."""

from pathlib import Path

import pytest

from callgate.brains.prompt import sound
from callgate.core.audio.pcm import audioop
from callgate.phone.sound import read_wav, write_wav
from tests.peers.baresip import Baresip
from tests.peers.gate import Gate

CALLER = "sip:baresip@127.0.0.1"


@pytest.mark.baresip
def test_baresip_hears_the_greeting(gate: Gate, baresip: Baresip, tmp_path: Path) -> None:
    silence = tmp_path / "said.wav"
    write_wav(silence, bytes(16_000 * 20))
    pcm = read_wav(baresip.calls("demo", said=silence, seconds=6))
    frames = [pcm[at : at + 320] for at in range(0, len(pcm), 320)]
    loud_s = 0.02 * sum(audioop.rms(frame, 2) > 200 for frame in frames)
    greeting_s = len(sound("greeting")) / 16_000
    assert 0.4 * greeting_s < loud_s < 1.1 * greeting_s
    decision = gate.until(lambda: [entry for entry in gate.decisions() if entry["fromUri"] == CALLER])[0]
    call = gate.ended_call(decision["sipCallId"])
    assert call["endReason"] == "hangup", gate.log()
    assert call["metadata"]["ultravox.sip.from_uri"] == CALLER
