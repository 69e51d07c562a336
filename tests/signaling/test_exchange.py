from collections.abc import Callable

import pytest

from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.timers import Timers
from callgate.core.sip.transaction import State
from callgate.ports import Alarms, Clock
from callgate.signaling.exchange import ClientExchange, ServerExchange
from callgate.signaling.transport import Peer
from callgate.testing.clock import ManualClock

PEER = Peer("udp", "192.0.2.1", 5060)


class FakeWire:
    """Implements `exchange.Wire`: keeps what was sent."""

    def __init__(self) -> None:
        self.manual = ManualClock()
        self.clock: Clock = self.manual
        self.alarms: Alarms = self.manual
        self.timers = Timers.of(0.5)
        self.sent: list[bytes] = []
        self.forgotten: list[object] = []
        self.failures: list[Callable[[str], None]] = []

    def deliver(self, data: bytes, peer: Peer, failed: Callable[[str], None]) -> None:
        self.sent.append(data)
        self.failures.append(failed)

    def forget(self, exchange: object) -> None:
        self.forgotten.append(exchange)


def a_request(method: str = "INVITE") -> Request:
    return Request(
        method,
        "sip:a@b",
        Headers(
            [
                ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"),
                ("From", "<sip:c@d>;tag=f"),
                ("To", "<sip:a@b>"),
                ("Call-ID", "i"),
                ("CSeq", f"1 {method}"),
            ]
        ),
    )


def client(wire: FakeWire, method: str) -> tuple[ClientExchange, list[object]]:
    heard: list[object] = []
    exchange = ClientExchange(
        wire, a_request(method), PEER, lambda response: heard.append(response.status), heard.append
    )
    exchange.begin(exchange.peer)
    return exchange, heard


def a_response(method: str, status: int) -> Response:
    return respond(a_request(method), status, to_tag="t")


@pytest.mark.rfc("3261", "17.1.2.2", "Formal Description")
def test_a_request_is_repeated_ever_more_slowly_and_given_up() -> None:
    wire = FakeWire()
    _, heard = client(wire, "BYE")
    wire.manual.advance(31.9)
    assert len(wire.sent) == 11  # at 0, 0.5, 1.5, 3.5, then every 4 s
    assert heard == []
    wire.manual.advance(0.1)
    assert heard == ["no answer in time"]
    assert len(wire.forgotten) == 1


@pytest.mark.rfc("3261", "17.1.1.3", "Construction of the ACK Request")
def test_the_ack_of_a_refusal_is_the_transactions() -> None:
    wire = FakeWire()
    exchange, heard = client(wire, "INVITE")
    exchange.received(a_response("INVITE", 603), PEER)
    exchange.received(a_response("INVITE", 603), PEER)
    assert heard == [603]
    assert [data.split()[0] for data in wire.sent] == [b"INVITE", b"ACK", b"ACK"]
    assert b"z9hG4bKa" in wire.sent[1]
    wire.manual.advance(32)
    assert wire.forgotten == [exchange]


@pytest.mark.rfc("3261", "17.1.4", "Handling Transport Errors")
def test_what_cannot_be_sent_fails_at_once() -> None:
    wire = FakeWire()
    exchange, heard = client(wire, "INVITE")
    wire.failures[0]("connection refused")
    assert heard == ["connection refused"]
    assert wire.forgotten == [exchange]
    wire.manual.advance(100)
    assert len(wire.sent) == 1


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_a_refusal_that_is_never_acknowledged_is_repeated_and_forgotten() -> None:
    wire = FakeWire()
    exchange = ServerExchange(wire, a_request(), PEER, ("k",))
    exchange.respond(a_response("INVITE", 100))
    exchange.copied()
    exchange.respond(a_response("INVITE", 603))
    wire.manual.advance(32)
    assert [data.split()[1] for data in wire.sent] == [b"100"] * 2 + [b"603"] * 11
    assert wire.forgotten == [exchange]
    assert not exchange.open


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
def test_an_acknowledged_refusal_is_not_repeated() -> None:
    wire = FakeWire()
    exchange = ServerExchange(wire, a_request(), PEER, ("k",))
    exchange.respond(a_response("INVITE", 603))
    exchange.acknowledged()
    exchange.copied()
    assert exchange.state is State.CONFIRMED
    wire.manual.advance(5)
    assert len(wire.sent) == 1
    assert wire.forgotten == [exchange]


@pytest.mark.rfc("3261", "17.2.2", "Non-INVITE Server Transaction")
def test_the_last_answer_is_given_to_copies() -> None:
    wire = FakeWire()
    exchange = ServerExchange(wire, a_request("OPTIONS"), PEER, ("k",))
    exchange.copied()
    assert wire.sent == []
    exchange.respond(a_response("OPTIONS", 200))
    exchange.respond(a_response("OPTIONS", 500))
    exchange.copied()
    assert [data.split()[1] for data in wire.sent] == [b"200", b"200"]


def test_nobody_left_to_answer() -> None:
    wire = FakeWire()
    exchange = ServerExchange(wire, a_request(), Peer("tcp", "192.0.2.1", 40_000), ("k",))
    exchange.abandon()
    exchange.respond(a_response("INVITE", 200))
    assert wire.sent == []
    assert wire.forgotten[0] is exchange
