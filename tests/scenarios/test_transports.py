"""Calls over TCP, TLS and IPv6, from clients that others wrote. (Debian's SIPp has no TLS; baresip has it.)"""

import shutil
import socket
import ssl
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from callgate.brains.prompt import sound
from callgate.phone.sound import write_wav
from tests.peers.baresip import Baresip
from tests.peers.certificates import Authority, Certificate
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.sipp import Sipp

CALLER = "sip:baresip@127.0.0.1"
SECONDS = 6


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return authority.signs("gate").copied_to(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def open_gate(tmp_path_factory: pytest.TempPathFactory, files: Certificate) -> Iterator[Gate]:
    """A node with a listener of each kind."""
    more = {
        "CALLGATE_SIP_LISTEN": "udp:[::1]:0, tcp:[::1]:0, tls:127.0.0.1:0",
        "CALLGATE_TLS_CERTIFICATE": str(files.certificate),
        "CALLGATE_TLS_KEY": str(files.key),
        "CALLGATE_SIP_TRUSTED_PROXIES": "::1",  # ranges are of IPv4: over IPv6 comes who says whom it speaks for
    }
    gate = Gate(tmp_path_factory.mktemp("open"), settings=SETTINGS | more)
    gate.reset()
    yield gate
    gate.until(lambda: all(call["ended"] for call in gate.calls()))
    assert gate.stop() == 0


@pytest.fixture
def caller(open_gate: Gate, tmp_path: Path) -> Baresip:
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed (scripts/install_test_peers.sh)")
    return Baresip(open_gate, tmp_path)


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """Silence to say."""
    file = tmp_path / "said.wav"
    write_wav(file, bytes(16_000 * 20))
    return file


def greeting_is_heard(file: Path) -> bool:
    """Whether it is as much sound as the greeting has, and no noise all through."""
    with wave.open(str(file)) as opened:
        pcm = np.frombuffer(opened.readframes(opened.getnframes()), "<i2").astype(float)
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160)
    loud_s = 0.02 * float(np.count_nonzero(np.sqrt((frames**2).mean(axis=1)) > 200))
    greeting_s = len(sound("greeting")) / 16_000
    return 0.4 * greeting_s < loud_s < 1.1 * greeting_s


def last_decision(gate: Gate) -> dict[str, str]:
    found: dict[str, str] = gate.until(lambda: [entry for entry in gate.decisions() if entry["fromUri"] == CALLER])[0]
    return found


@pytest.mark.baresip
def test_a_call_over_tls_with_srtp(open_gate: Gate, caller: Baresip, said: Path, authority: Authority) -> None:
    heard = caller.calls(
        "demo",
        said=said,
        seconds=SECONDS,
        transport="tls",
        port=open_gate.port("tls"),
        modules=("srtp",),
        account=";mediaenc=srtp-mand",
        config=f"sip_cafile {authority.path}",
    )
    assert greeting_is_heard(heard)
    decision = last_decision(open_gate)
    assert (decision["transport"], decision["verdict"]) == ("tls", "admit")
    call = open_gate.ended_call(decision["sipCallId"])
    assert call["endReason"] == "hangup", open_gate.log()
    assert open_gate.get(f"/api/calls/{call['callId']}/quality")["encrypted"] is True


@pytest.mark.baresip
def test_the_agent_hangs_up_over_tls(open_gate: Gate, caller: Baresip, said: Path, authority: Authority) -> None:
    """Our BYE goes over the connection that the caller made."""
    agent = open_gate.make_agent("brief", maxDuration="2s")
    caller.calls(
        f"agent_{agent}",
        said=said,
        seconds=SECONDS,
        transport="tls",
        port=open_gate.port("tls"),
        config=f"sip_cafile {authority.path}",
    )
    decision = last_decision(open_gate)
    call = open_gate.ended_call(decision["sipCallId"])
    assert call["endReason"] == "timeout", open_gate.log()


@pytest.mark.baresip
def test_a_certificate_that_is_replaced_is_shown_to_the_next_caller(
    open_gate: Gate, tmp_path: Path, said: Path, files: Certificate
) -> None:
    others = Authority(tmp_path, "others")
    others.signs("renewed").copied_to(files.certificate.parent)
    config = f"sip_cafile {others.path}"
    folder = tmp_path / "caller"
    folder.mkdir()
    open_gate.until(lambda: accepts(open_gate, others))
    heard = Baresip(open_gate, folder).calls(
        "demo", said=said, seconds=SECONDS, transport="tls", port=open_gate.port("tls"), config=config
    )
    assert greeting_is_heard(heard)


def accepts(gate: Gate, authority: Authority) -> bool:
    """Whether the node shows a certificate of an authority's by now."""
    try:
        with (
            socket.create_connection(("127.0.0.1", gate.port("tls"))) as plain,
            authority.trusting().wrap_socket(plain, server_hostname="localhost"),
        ):
            return True
    except ssl.SSLError:
        return False


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["tcp", "tcp, many"])
def test_many_calls_over_tcp(gate: Gate, sipp: Sipp, transport: str) -> None:
    run = sipp.run(
        "complete_call",
        transport=transport,
        options=("-m", "20", "-r", "10", "-cid_str", "many-%u", "-max_socket", "100"),
    )
    assert run.ok, run


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_call_over_ipv6(open_gate: Gate, tmp_path: Path, transport: str) -> None:
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    (tmp_path / "voice.ulaw").write_bytes(bytes(16_000))
    run = Sipp(open_gate, tmp_path).run(
        "ipv6_call",
        transport=transport,
        options=("-i", "::1", "-mi", "::1"),
        target=f"[::1]:{open_gate.port(transport)}",
    )
    assert run.ok, run
    decision = open_gate.decision(run.call_id)
    assert (decision["verdict"], decision["transport"]) == ("admit", transport)
    call = open_gate.ended_call(run.call_id)
    assert "c=IN IP6 ::1" in run.messages
    quality = open_gate.get(f"/api/calls/{call['callId']}/quality")
    assert quality["packetsReceived"] > 20
