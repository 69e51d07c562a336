"""Whatever comes, in whatever order: nothing escapes, nothing is left behind."""

from collections.abc import Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Verdict
from callgate.ports import SipLeg
from callgate.runtime.ids import SystemIds
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.transport import Listener
from callgate.signaling.udp import UdpTransport
from callgate.testing.clock import ManualClock
from tests.signaling.conftest import T1_S
from tests.signaling.wire import ANSWER, OFFER, Caller, ScriptedCalls

TARGET = ("127.0.0.1", 5060)


class NoWire:
    name = "udp"
    port = 5090


class NoTasks:
    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        work.close()


class SilentCalls(ScriptedCalls):
    """Answers, refuses or lets ring, by the user's letter."""

    def consider(self, attempt: Attempt) -> Any:
        self.decide = lambda attempt: (
            Decision(Verdict.REFUSE, status=603) if len(attempt.call_id) % 5 == 4 else Decision(Verdict.ADMIT)
        )
        return super().consider(attempt)

    def arrived(self, leg: SipLeg, considered: Any) -> None:
        super().arrived(leg, considered)
        leg.ring()
        kind = len(leg.attempt.headers) % 3
        if kind == 0:
            leg.answer(ANSWER)
        elif kind == 1:
            leg.refuse(486)


def an_endpoint(warnings: list[str]) -> tuple[SipEndpoint, ManualClock, UdpTransport]:
    clock = ManualClock()
    endpoint = SipEndpoint(
        calls=SilentCalls(),
        admits_source=lambda address: True,
        draining=lambda: False,
        clock=clock,
        alarms=clock,
        ids=SystemIds(),
        tasks=NoTasks(),  # type: ignore[arg-type]
        user_agent="test",
        t1_s=T1_S,
        warn=warnings.append,
    )
    endpoint.transports.listeners.append(Listener("udp", "127.0.0.1", 5060))
    return endpoint, clock, UdpTransport(endpoint)


def test_a_gateway_that_hides_who_calls_is_told() -> None:
    warnings: list[str] = []
    _, _, udp = an_endpoint(warnings)
    for number in range(9):
        caller = Caller(NoWire(), TARGET)
        data = caller.request("INVITE", body=OFFER).replace(b"UDP 127.0.0.1", b"UDP 198.51.100.%d" % number)
        udp.datagram_received(data, ("172.17.0.1", 40_000))
    assert len(warnings) == 1
    assert "172.17.0.1 seems to be a gateway" in warnings[0]


METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "INFO", "OPTIONS", "UPDATE", "PRACK", "invite", "REGISTER"]
SNIPPETS = [
    b"",
    b"\r\n",
    b";tag=",
    b";tag=x",
    b'"',
    b"<",
    b">",
    b",",
    b"\x00",
    b"\xff",
    b"Via: SIP/2.0/UDP x\r\n",
    b"CSeq: 1 BYE\r\n",
    b"Call-ID: other\r\n",
    b"Contact: *\r\n",
    b"Contact: <sip:[::1]:0>\r\n",
    b"Record-Route: <sip:a;lr>\r\n",
    b"Route: <<>>\r\n",
    b"Require: 100rel\r\n",
    b"Require: 100rel\r\n",  # twice as likely
    b"RAck: 1 1 INVITE\r\n",
    b"RAck: RACK\r\n",
    b"Supported: timer, 100rel\r\n",
    b"Session-Expires: 90;refresher=uac\r\n",
    b"Session-Expires: 3000;refresher=uas\r\n",
    b"Min-SE: 99999999999\r\n",
    b'Allow: UPDATE, "\r\n',
    b"Allow: UPDATE\r\n",
    b"Reason: a\r\nReason: b\r\n",
    b"Content-Type: application/dtmf-relay\r\n",
    b"Content-Length: 99999\r\n",
    b"Max-Forwards: -1\r\n",
    b"4294967296",
    b"SIP/2.0 200 OK\r\n",
]


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    caller = Caller(NoWire(), TARGET)
    caller.tag, caller.call_id = "f", "c" * draw(st.integers(1, 10))
    said = []
    for _ in range(draw(st.integers(1, 8))):
        method = draw(st.sampled_from(METHODS))
        data = caller.request(
            method,
            branch=draw(st.sampled_from(["z9hG4bKa", "z9hG4bKb", "z9hG4bKc", "old"])),
            sequence=draw(st.sampled_from([0, 1, 2, None, None])),
            to_tag=draw(st.sampled_from(["", "", "TAG", "x"])),
            headers=[("X-A", "b")] * draw(st.integers(0, 2)),
            content_type=draw(st.sampled_from(["application/sdp", "application/dtmf-relay", "text/plain"])),
            body=draw(st.sampled_from([b"", OFFER, b"Signal=1", b"\xff"])),
        )
        for _ in range(draw(st.integers(0, 2))):
            at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
            data = data[:at] + draw(st.sampled_from(SNIPPETS)) + data[at + length :]
        said.append(data)
    return said


@settings(max_examples=400, deadline=None)
@given(conversations(), st.sampled_from([0.0, 0.3, 40.0, 1_000.0]), st.lists(st.sampled_from(["ring", "answer"])))
def test_nothing_escapes_and_nothing_stays(conversation: list[bytes], pause_s: float, doing: list[str]) -> None:
    warnings: list[str] = []
    endpoint, clock, udp = an_endpoint(warnings)
    for data in conversation:
        tags = [key[1].encode() for key in endpoint._dialogs]
        numbers = [f"{leg._reliable._machine.number} 1 INVITE".encode() for leg in endpoint._legs.values()]
        data = data.replace(b"TAG", tags[0] if tags else b"none").replace(b"RACK", numbers[0] if numbers else b"x")
        udp.datagram_received(data, ("127.0.0.1", 5090))
        for leg in tuple(endpoint._legs.values()):
            for what in doing:
                if what == "ring":
                    leg.ring()
                else:
                    leg.answer(ANSWER)
        clock.advance(pause_s)
    for leg in tuple(endpoint._legs.values()):
        leg.refuse(480)  # whatever still rings
        leg.hang_up()
    for side in tuple(endpoint._dialogs.values()):
        side.leave()
    clock.advance(64 * T1_S)  # the ACK
    clock.advance(64 * T1_S)  # the BYE
    clock.advance(64 * T1_S)
    assert warnings == []
    assert endpoint.busy == (0, 0, 0)
    assert not endpoint._served
    assert not endpoint._legs
