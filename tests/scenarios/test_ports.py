"""A range of ports that is soon used up: what callers are told, and that every way out gives its port back."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.core.audio.g711 import CODECS
from callgate.testing.handler import HandlerServer
from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import Gate
from tests.peers.sipp import Sipp

FIRST, LAST = 31_000, 31_001  # one pair
REST_S = 0.4


@pytest.fixture(scope="module")
def small_gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A node with ports for one call."""
    ports = {
        "CALLGATE_RTP_PORT_FIRST": str(FIRST),
        "CALLGATE_RTP_PORT_LAST": str(LAST),
        "CALLGATE_RTP_PORT_REST_S": str(REST_S),
        "CALLGATE_MEDIA_WORKERS": "1",
    }
    gate = Gate(tmp_path_factory.mktemp("small"), settings=SETTINGS | ports)
    yield gate
    assert gate.stop() == 0


@pytest.fixture
def gate(small_gate: Gate) -> Gate:
    small_gate.reset()
    return small_gate


@pytest.fixture
def sipp(gate: Gate, tmp_path: Path) -> Sipp:
    """SIPp."""
    if shutil.which("sipp") is None:
        pytest.skip("SIPp is not installed (scripts/install_test_peers.sh)")
    (tmp_path / "voice.ulaw").write_bytes(CODECS["PCMU"].encode(bytes(3_200)))
    return Sipp(gate, tmp_path)


def a_call_goes_through(gate: Gate) -> bool:
    with Caller(gate) as caller:
        return caller.status == 200 and caller.to[1] == FIRST and len(caller.hear(0.1)) > 1


def test_without_a_port_the_caller_is_told_when_to_come_again(gate: Gate) -> None:
    gate.until(lambda: a_call_goes_through(gate))
    ended_s = time.monotonic()
    with Caller(gate) as too_soon:
        pass
    # The port rests; late packets of the call before must not reach the next.
    if time.monotonic() - ended_s < REST_S:
        assert too_soon.status == 503
    gate.until(lambda: a_call_goes_through(gate))
    time_out_s = time.monotonic() + 5
    while True:
        with Caller(gate) as first, Caller(gate) as second:
            if first.status == 200:
                break
        assert time.monotonic() < time_out_s
    assert second.status == 503
    assert "\r\nRetry-After: " in second.headers
    decision = gate.decision(second.sip_call_id)
    assert decision["status"] == 503
    assert "port" in str(decision["summary"])


@pytest.mark.sipp
@pytest.mark.parametrize(
    ("scenario", "user"),
    [
        ("cancel_while_asked", "somebody"),
        ("cancel_while_ringing", "somebody"),
        ("refused_504", "nobody"),
        ("refused_488", "demo"),
        ("lost_ack", "demo"),
        ("agent_says_bye", "agent_{short}"),
        ("refused_500", "agent_{particular}"),
    ],
)
def test_every_way_out_gives_the_port_back(
    gate: Gate, sipp: Sipp, handler: HandlerServer, scenario: str, user: str
) -> None:
    gate.until(lambda: a_call_goes_through(gate))
    gate.patch_sip({"fallbackHandler": {"url": handler.url}})
    handler.will_hang()
    schema = {"type": "object", "properties": {"customer_name": {"type": "string"}}, "required": ["customer_name"]}
    agents = {
        "short": gate.make_agent("short", maxDuration="1s", timeExceededMessage=""),
        "particular": gate.make_agent("particular", contextSchema=schema),
    }
    # The port of the call before may still rest.
    run = gate.until(lambda: (one := sipp.run(scenario, user=user.format(**agents))).ok and one)
    assert run.ok
    gate.until(lambda: a_call_goes_through(gate))
