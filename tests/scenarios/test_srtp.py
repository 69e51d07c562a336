"""A client that others wrote calls with SRTP, and with other codecs than G.711, and really hears the greeting."""

import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from callgate.brains.prompt import sound
from callgate.phone.sound import write_wav
from tests.peers.baresip import Baresip
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.phone import Phone
from tests.peers.sipp import Sipp

CALLER = "sip:baresip@127.0.0.1"
SECONDS = 6

# Over UDP who offers keys gets SRTP; over TCP who offers none gets nothing.
SECURE = {
    "CALLGATE_SRTP_UDP": "preferred",
    "CALLGATE_SRTP_TCP": "required",
    "CALLGATE_SRTP_WITHOUT_TLS": "true",
    "CALLGATE_SOUND_CODECS": "PCMU,PCMA,G722,OPUS",
}


@pytest.fixture(scope="module")
def secure_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A node that speaks SRTP and every codec."""
    gate = Gate(tmp_path_factory.mktemp("secure"), settings=SETTINGS | SECURE)
    gate.reset()
    yield gate
    gate.until(lambda: all(call["ended"] for call in gate.calls()))
    assert gate.stop() == 0


@pytest.fixture
def caller(secure_gate: Gate, tmp_path: Path) -> Baresip:
    """Calls it."""
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed (scripts/install_test_peers.sh)")
    return Baresip(secure_gate, tmp_path)


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """Silence to say."""
    file = tmp_path / "said.wav"
    write_wav(file, bytes(16_000 * 20))
    return file


def loud_s(file: Path) -> float:
    """How long there is something to hear in a WAV of any rate."""
    with wave.open(str(file)) as opened:
        rate, channels = opened.getframerate(), opened.getnchannels()
        pcm = np.frombuffer(opened.readframes(opened.getnframes()), "<i2").reshape(-1, channels)[:, 0]
    frame = rate // 50
    frames = pcm[: len(pcm) // frame * frame].reshape(-1, frame).astype(float)
    return 0.02 * float(np.count_nonzero(np.sqrt((frames**2).mean(axis=1)) > 200))


def greeting_is_heard(file: Path) -> bool:
    """Whether it is as much sound as the greeting has, and no noise all through."""
    greeting_s = len(sound("greeting")) / 16_000
    return 0.4 * greeting_s < loud_s(file) < 1.1 * greeting_s


def last_call(gate: Gate) -> str:
    """The id of the newest call, once it has ended."""
    decision = gate.until(lambda: [entry for entry in gate.decisions() if entry["fromUri"] == CALLER])[0]
    return str(gate.ended_call(decision["sipCallId"])["callId"])


@pytest.mark.baresip
@pytest.mark.parametrize(
    ("mode", "transport"), [("srtp", "udp"), ("srtp-mand", "udp"), ("srtp", "tcp"), ("srtp-mandf", "tcp")]
)
def test_a_caller_with_srtp_hears_the_greeting(
    secure_gate: Gate, caller: Baresip, said: Path, mode: str, transport: str
) -> None:
    heard = caller.calls(
        "demo", said=said, seconds=SECONDS, transport=transport, modules=("srtp",), account=f";mediaenc={mode}"
    )
    assert greeting_is_heard(heard)
    quality = secure_gate.get(f"/api/calls/{last_call(secure_gate)}/quality")
    assert quality["encrypted"] is True
    assert quality["packetsReceived"] > 200
    # baresip's first and last packet of RTCP are in the clear, to open a NAT and to take its leave.
    assert quality["packetsUnauthenticated"] <= 2


@pytest.mark.baresip
@pytest.mark.parametrize(
    ("module", "codec", "name", "channels"),
    [("g722", "G722/16000/1", "G722", 1), ("opus", "opus/48000/2", "OPUS", 2)],
)
def test_a_caller_with_another_codec_hears_the_greeting(
    secure_gate: Gate, caller: Baresip, tmp_path: Path, module: str, codec: str, name: str, channels: int
) -> None:
    said = tmp_path / "said.wav"
    with said.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setparams((channels, 2, 8_000, 0, "NONE", ""))
        file.writeframes(bytes(16_000 * 20 * channels))
    heard = caller.calls("demo", said=said, seconds=SECONDS, modules=(module,), account=f";audio_codecs={codec}")
    assert greeting_is_heard(heard)
    quality = secure_gate.get(f"/api/calls/{last_call(secure_gate)}/quality")
    assert (quality["codec"], quality["encrypted"]) == (name, False)


@pytest.mark.parametrize("codec", ["PCMA", "G722", "OPUS"])
@pytest.mark.parametrize("srtp", ["off", "required"])
def test_the_built_in_phone_with_every_codec(secure_gate: Gate, codec: str, srtp: str) -> None:
    report = Phone(secure_gate).calls("demo", codecs=[codec], srtp=srtp, duration_s=2.0)
    assert report.ok, report
    assert (report.codec, bool(report.srtp)) == (codec, srtp == "required")
    assert report.heard_ms > 500


def test_the_built_in_phone_without_srtp_where_it_is_required(secure_gate: Gate) -> None:
    report = Phone(secure_gate).calls("demo", transport="tcp", codecs=["PCMU"])
    assert (report.status, report.ok) == (488, False)
    assert "encryption is required here" in report.why


@pytest.mark.sipp
def test_a_caller_without_srtp_where_it_is_required(secure_gate: Gate, tmp_path: Path) -> None:
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    run = Sipp(secure_gate, tmp_path).run("refused_488_plain", transport="tcp")
    assert run.ok, run
    assert (
        'Warning: 302 callgate "audio is offered over RTP/AVP without a=crypto; encryption is required' in run.messages
    )
    assert secure_gate.decision(run.call_id)["outcome"] == "no-common-codec"


@pytest.mark.sipp
@pytest.mark.parametrize(
    ("scenario", "words"),
    [("refused_488_savp", "srtp.without_tls is off"), ("refused_488_dtls", "with keys by DTLS")],
)
def test_keys_that_cannot_be_taken(gate: Gate, sipp: Sipp, scenario: str, words: str) -> None:
    run = sipp.run(scenario)
    assert run.ok, run
    assert words in run.messages
    decision = gate.decision(run.call_id)
    assert decision["outcome"] == "no-common-codec"
    assert "inline" not in str(decision)
