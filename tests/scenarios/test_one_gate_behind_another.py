"""A gate whose agent lives at another gate: the public API from both ends, with a caller on one side."""

import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.core.audio.codecs import PCMU
from callgate.core.audio.tones import strength, tone
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import API_KEY, Gate

CALLER_HZ = 440


@pytest.fixture
def front(gate: Gate, tmp_path: Path) -> Iterator[Gate]:
    """A node that serves every call by the demo agent of `gate`."""
    config = tmp_path / "callgate.toml"
    config.write_text(f'[models.far]\nkind = "ultravox"\nurl = "{gate.url}"\nmodel = "demo"\napi_key_env = "FAR_KEY"\n')
    one = Gate(
        tmp_path,
        settings=SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1", "FAR_KEY": API_KEY},
        options=(f"--config={config}",),
    )
    one.reset()
    yield one
    assert one.stop() == 0


def energy(pcm: bytes) -> float:
    """Mean of the samples' size."""
    samples = array.array("h", pcm)
    return sum(map(abs, samples)) / len(samples)


def test_the_far_agent_greets_is_interrupted_and_repeats(front: Gate, gate: Gate) -> None:
    agent = front.make_agent("far", model="far")
    encode, decode = PCMU.new_encoder(), PCMU.new_decoder()
    quiet, voice = encode(bytes(320)), encode(tone(CALLER_HZ, 800))
    with Caller(front, f"agent_{agent}") as caller:
        assert caller.status == 200

        def talk(said: list[bytes]) -> bytes:
            heard = []
            for payload in said:
                caller.say(payload)
                heard += [decode(packet.payload) for _, packet in caller.hear(0.02)]
            return b"".join(heard)

        greeting = talk([quiet] * 60)
        assert energy(greeting[-8_000:]) > 100
        talk([voice[at : at + 160] for at in range(0, len(voice), 160)])  # into the greeting
        assert energy(talk([quiet] * 15)) < 1  # which gave way
        repeated = talk([quiet] * 50)
        assert max(strength(repeated[at : at + 3_200], CALLER_HZ) for at in range(0, 12_000, 400)) > 0.9
    far = gate.calls()[0]
    assert gate.until(lambda: gate.get(f"/api/calls/{far['callId']}")["endReason"]) == "hangup"
    near = front.calls()[0]
    front.until(lambda: front.get(f"/api/calls/{near['callId']}")["ended"])
    said = [one["text"] for one in front.get(f"/api/calls/{near['callId']}/messages")["results"]]
    assert any("demo agent" in text for text in said)  # the far side's transcript
