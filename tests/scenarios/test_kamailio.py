"""A gate behind a proxy of its deployment's: calls through a route set, and sources that only the proxy knows."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callgate.core.sip.message import Message, Request
from callgate.core.sip.parse import parse
from callgate.phone.sound import write_wav
from callgate.testing.handler import HandlerServer
from tests.peers.baresip import Baresip
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.kamailio import ADDRESS, Kamailio, installed
from tests.peers.sipp import Sipp, SippRun

pytestmark = [pytest.mark.kamailio, pytest.mark.sipp]
Start = Callable[..., Kamailio]
CALLER = "sip:baresip@127.0.0.1"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts proxies, and ends them with the test."""
    if installed() is None:
        pytest.skip("Kamailio is not installed (scripts/install_test_peers.sh)")
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    started: list[Kamailio] = []

    def one(gate: Gate, towards_gate: str = "udp") -> Kamailio:
        started.append(Kamailio(gate, tmp_path, towards_gate=towards_gate))
        return started[-1]

    yield one
    for proxy in started:
        proxy.stop()


def received(run: SippRun, method: str) -> Request:
    """The request of that method that SIPp got."""
    for part in run.messages.split("message received [")[1:]:
        text = part.split("\n\n", 1)[-1].split("-----------------------------------------------")[0]
        if text.startswith(method):
            message: Message = parse(text.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n")
            assert isinstance(message, Request)
            return message
    raise AssertionError(f"no {method} in:\n{run.messages}")


@pytest.mark.parametrize("towards_gate", ["udp", "tcp"])
def test_a_call_through_a_proxy_that_record_routes(gate: Gate, start: Start, tmp_path: Path, towards_gate: str) -> None:
    run = Sipp(start(gate, towards_gate), tmp_path).run("proxied_call")
    assert run.ok, run
    decision = gate.decision(run.call_id)
    assert (decision["transport"], decision["sourceAddress"]) == (towards_gate, ADDRESS)
    call = gate.ended_call(run.call_id)
    assert (call["endReason"], call["joined"] is not None) == ("hangup", True)


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
@pytest.mark.parametrize(("towards_caller", "towards_gate"), [("udp", "tcp"), ("tcp", "udp")])
def test_our_bye_goes_through_the_route_set(
    gate: Gate, start: Start, tmp_path: Path, towards_caller: str, towards_gate: str
) -> None:
    agent = gate.make_agent("short", maxDuration="1s", timeExceededMessage="Our time is over.")
    proxy = start(gate, towards_gate)
    run = Sipp(proxy, tmp_path).run("proxied_agent_says_bye", user=f"agent_{agent}", transport=towards_caller)
    assert run.ok, run
    bye = received(run, "BYE")
    assert [(via.transport, via.host) for via in bye.vias] == [
        (towards_caller.upper(), ADDRESS),
        (towards_gate.upper(), "127.0.0.1"),
    ]
    assert "Route" not in bye.headers
    assert gate.ended_call(run.call_id)["endReason"] == "timeout"


def test_a_caller_who_gives_up_does_so_hop_by_hop(
    gate: Gate, start: Start, handler: HandlerServer, tmp_path: Path
) -> None:
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_hang()
    run = Sipp(start(gate), tmp_path).run("cancel_while_ringing", user="somebody")
    assert run.ok, run
    assert gate.decision(run.call_id)["outcome"] == "caller-cancelled"


@pytest.mark.baresip
def test_baresip_calls_through_the_proxy_and_hangs_up(gate: Gate, start: Start, tmp_path: Path) -> None:
    if shutil.which("baresip") is None:
        pytest.skip("baresip is not installed (scripts/install_test_peers.sh)")
    silence = tmp_path / "said.wav"
    write_wav(silence, bytes(16_000 * 10))
    Baresip(start(gate, "tcp"), tmp_path).calls("demo", said=silence, seconds=3)
    decision = gate.until(lambda: [entry for entry in gate.decisions() if entry["fromUri"] == CALLER])[0]
    assert (decision["transport"], decision["sourceAddress"]) == ("tcp", ADDRESS)
    assert gate.ended_call(decision["sipCallId"])["endReason"] == "hangup"


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[Gate]:
    """A node that believes the proxy, and admits one caller's address."""
    settings = SETTINGS | {"CALLGATE_MEDIA_WORKERS": "1", "CALLGATE_SIP_TRUSTED_PROXIES": ADDRESS}
    one = Gate(tmp_path, settings=settings)
    one.patch_sip({"allowedCidrRanges": ["127.0.0.2/32", f"{ADDRESS}/32"], "allowAllAgents": True})
    yield one
    assert one.stop() == 0


def test_a_source_is_whom_the_proxy_had_the_call_from(trusting: Gate, start: Start, tmp_path: Path) -> None:
    proxy = start(trusting, "tcp")
    admitted = Sipp(proxy, tmp_path).run("proxied_call", source="127.0.0.2")
    assert admitted.ok, admitted
    assert trusting.decision(admitted.call_id)["sourceAddress"] == "127.0.0.2"
    assert trusting.ended_call(admitted.call_id)["endReason"] == "hangup"
    # It claims to be the one above: the proxy strips that and says who it is.
    pretender = Sipp(proxy, tmp_path).run("refused_403", source="127.0.0.3")
    assert pretender.ok, pretender
    # The header of whoever comes past the proxy is not believed, nor its own address where the proxy says nothing.
    direct = Sipp(trusting, tmp_path).run("refused_403", source="127.0.0.1")
    assert direct.ok, direct
    bare = Sipp(trusting, tmp_path).run("refused_403", source=ADDRESS)
    assert bare.ok, bare
