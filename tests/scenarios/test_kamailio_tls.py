"""A gate behind a proxy that speaks TLS, to the gate or to callers: whole calls, requests both ways, keys for sound."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.phone.sound import write_wav
from tests.peers.baresip import Baresip
from tests.peers.certificates import Authority, Certificate
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.kamailio import ADDRESS, Kamailio, installed
from tests.peers.sipp import Sipp
from tests.scenarios.test_kamailio import received

pytestmark = [pytest.mark.kamailio, pytest.mark.sipp]
CALLER = "sip:baresip@127.0.0.1"
SECONDS = 4


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def of_the_proxy(authority: Authority) -> Certificate:
    return authority.signs("proxy", f"IP:{ADDRESS}")


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Gate]:
    """A node with a listener for TLS, which looks at the certificates of those that it connects to."""
    of_the_gate = authority.signs("gate")
    more = {
        "CALLGATE_MEDIA_WORKERS": "1",
        "CALLGATE_SIP_LISTEN": "tls:127.0.0.1:0",
        "CALLGATE_TLS_CERTIFICATE": str(of_the_gate.certificate),
        "CALLGATE_TLS_KEY": str(of_the_gate.key),
        "CALLGATE_TLS_PEER_CA": str(authority.path),
    }
    gate = Gate(tmp_path_factory.mktemp("secure"), settings=SETTINGS | more)
    gate.reset()
    yield gate
    gate.until(lambda: all(call["ended"] for call in gate.calls()))
    assert gate.stop() == 0


@pytest.fixture
def proxy(
    secure: Gate, of_the_proxy: Certificate, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Kamailio]:
    """Before the node, towards which it speaks TLS, or what the test says."""
    if installed() is None or shutil.which("sipp") is None:
        pytest.skip("Kamailio or SIPp is not installed (scripts/install_test_peers.sh)")
    inside = getattr(request, "param", "tls")
    started = Kamailio(
        secure,
        tmp_path,
        towards_gate=inside,
        gate_port=secure.port("tls") if inside == "tls" else None,
        certificate=(of_the_proxy.certificate, of_the_proxy.key),
    )
    yield started
    started.stop()


def of_baresip(gate: Gate) -> dict[str, Any]:
    """The newest decision on its calls."""
    found: dict[str, Any] = gate.until(lambda: [entry for entry in gate.decisions() if entry["fromUri"] == CALLER])[0]
    return found


@pytest.mark.parametrize("outside", ["udp", "tcp"])
def test_a_call_that_comes_over_tls(secure: Gate, proxy: Kamailio, tmp_path: Path, outside: str) -> None:
    """Its ACK and BYE do so, too."""
    run = Sipp(proxy, tmp_path).run("proxied_call", transport=outside)
    assert run.ok, run
    decision = secure.decision(run.call_id)
    assert (decision["transport"], decision["sourceAddress"]) == ("tls", ADDRESS)
    call = secure.ended_call(run.call_id)
    assert (call["endReason"], call["joined"] is not None) == ("hangup", True)


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
@pytest.mark.parametrize("outside", ["udp", "tcp"])
def test_our_bye_goes_over_the_proxys_tls(secure: Gate, proxy: Kamailio, tmp_path: Path, outside: str) -> None:
    agent = secure.make_agent("short", maxDuration="1s", timeExceededMessage="Our time is over.")
    run = Sipp(proxy, tmp_path).run("proxied_agent_says_bye", user=f"agent_{agent}", transport=outside)
    assert run.ok, run
    bye = received(run, "BYE")
    assert [(via.transport, via.host) for via in bye.vias] == [(outside.upper(), ADDRESS), ("TLS", "127.0.0.1")]
    assert "Route" not in bye.headers
    assert secure.ended_call(run.call_id)["endReason"] == "timeout"


@pytest.mark.rfc("5922", "7.1", "Finding SIP Identities in a Certificate")
def test_our_bye_makes_a_connection_when_the_proxys_has_gone(secure: Gate, proxy: Kamailio, tmp_path: Path) -> None:
    """To where its Record-Route says, whose certificate has that address."""
    agent = secure.make_agent("patient", maxDuration="4s")
    running = Sipp(proxy, tmp_path).start("proxied_agent_says_bye", user=f"agent_{agent}")
    call_id = secure.decision(running.call_id)["callId"]
    secure.until(lambda: secure.call(call_id)["joined"])
    proxy.restart()
    run = running.finish()
    assert run.ok, run
    assert received(run, "BYE").vias[1].transport == "TLS"
    assert secure.ended_call(run.call_id)["endReason"] == "timeout"


@pytest.mark.baresip
@pytest.mark.parametrize("proxy", ["udp", "tls"], indirect=True)
@pytest.mark.parametrize("leaves", ["caller", "agent"])
def test_callers_speak_tls_to_the_proxy(
    secure: Gate, proxy: Kamailio, authority: Authority, tmp_path: Path, leaves: str, request: pytest.FixtureRequest
) -> None:
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed (scripts/install_test_peers.sh)")
    inside = request.node.callspec.params["proxy"]
    said = tmp_path / "said.wav"
    write_wav(said, bytes(16_000 * 10))
    brief = secure.make_agent("brief", maxDuration="2s", timeExceededMessage="Our time is over.")
    known = {entry["sipCallId"] for entry in secure.decisions()}
    Baresip(proxy, tmp_path).calls(
        "demo" if leaves == "caller" else f"agent_{brief}",
        said=said,
        seconds=SECONDS,
        transport="tls",
        port=proxy.tls_port,
        config=f"sip_cafile {authority.path}",
    )
    decision = of_baresip(secure)
    assert decision["sipCallId"] not in known
    assert (decision["transport"], decision["sourceAddress"]) == (inside, ADDRESS)
    call = secure.ended_call(decision["sipCallId"])
    assert (call["endReason"], call["joined"] is not None) == ("hangup" if leaves == "caller" else "timeout", True)
