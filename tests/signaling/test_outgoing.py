import asyncio

import pytest

from callgate.core.sip.challenge import Login
from callgate.core.sip.digest import expected_response, parse_credentials, secret_hash, write_challenge
from callgate.core.sip.message import Message, Request, Response
from callgate.core.sip.transaction import State
from callgate.entities.decision import Decision, Verdict
from callgate.ports import ReofferAnswer, SipLeg
from callgate.signaling.leg import IncomingLeg
from callgate.signaling.outgoing import OutgoingCall, invite_of
from callgate.signaling.transport import Peer
from tests.signaling.conftest import T1_S, House
from tests.signaling.wire import ANSWER, OFFER, Ear, UdpWire


async def dial(house: House, target: tuple[str, int], transport: str) -> tuple[OutgoingCall, Ear]:
    ear = Ear()
    call = await house.endpoint.dial(
        f"sip:agent@{target[0]}:{target[1]}",
        from_uri="sip:phone@127.0.0.1",
        from_display_name='Bob "the builder"',
        headers=(("X-Customer", "42"),),
        transport=transport,
        sdp=lambda address: OFFER.replace(b"127.0.0.1", address.encode()),
        listener=ear,
    )
    return call, ear


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def joined(house: House, transport: str) -> tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]]:
    """A call of ours to ourselves: both halves of everything."""
    call, ear = await dial(house, house.address, transport)
    leg, theirs = await house.calls.leg()
    leg.answer(ANSWER)
    while (heard := await ear.heard())[0] == "progress":
        pass
    assert heard == ("answered", ANSWER)
    assert await theirs.heard() == ("confirmed", b"")
    return (call, ear), (leg, theirs)


async def test_a_call_to_ourselves(house: House, transport: str) -> None:
    _, ear = await dial(house, house.address, transport)
    leg, theirs = await house.calls.leg()
    assert leg.attempt.transport == transport
    assert leg.attempt.from_display_name == 'Bob "the builder"'
    assert ("X-Customer", "42") in leg.attempt.headers
    assert leg.attempt.body == OFFER
    leg.ring()
    assert [await ear.heard(), await ear.heard()] == [("progress", 100), ("progress", 180)]
    leg.answer(ANSWER)
    assert await ear.heard() == ("answered", ANSWER)
    assert await theirs.heard() == ("confirmed", b"")


async def test_the_caller_hangs_up(house: House, joined: tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]]) -> None:
    (call, ear), (_, theirs) = joined
    call.hang_up("that was all")
    assert await theirs.heard() == ("hung up", "that was all")
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


async def test_the_callee_hangs_up(house: House, joined: tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]]) -> None:
    (_, ear), (leg, theirs) = joined
    leg.hang_up("goodbye")
    assert await ear.heard() == ("hung up", "goodbye")
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert theirs.silent


async def test_a_whole_call_takes_one_connection_used_both_ways(
    house: House, joined: tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]], transport: str
) -> None:
    (call, ear), (leg, theirs) = joined
    call.digit("7", 120)
    assert await theirs.heard() == ("digit", "7", 120)
    leg.hang_up()
    assert await ear.heard() == ("hung up", "")
    # One connection is two ends here, both of them ours.
    assert len(house.endpoint.transports._connections) == (2 if transport == "tcp" else 0)


async def test_a_refused_call(house: House, transport: str) -> None:
    house.calls.decide = lambda attempt: Decision(Verdict.REFUSE, status=603)
    _, ear = await dial(house, house.address, transport)
    assert await ear.heard() == ("refused", 603)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


@pytest.mark.rfc("3261", "9.1", "Client Behavior")
async def test_a_call_given_up_while_it_rings(house: House, transport: str) -> None:
    call, ear = await dial(house, house.address, transport)
    _, theirs = await house.calls.leg()
    assert await ear.heard() == ("progress", 100)
    call.cancel()
    call.cancel()
    assert await theirs.heard() == ("cancelled", "")
    assert await ear.heard() == ("refused", 487)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("3261", "9.1", "Client Behavior")
async def test_giving_up_waits_for_a_provisional_response(house: House, transport: str) -> None:
    call, ear = await dial(house, house.address, transport)
    call.cancel()
    _, theirs = await house.calls.leg()
    assert await theirs.heard() == ("cancelled", "")
    assert await ear.heard() == ("refused", 487)


@pytest.mark.rfc("3261", "13.2.2.4", "2xx Responses")
async def test_an_answer_that_overtakes_the_cancel_is_ended(house: House) -> None:
    wire = UdpWire(house.address)
    house.wires.append(wire)
    call, ear = await dial(house, ("127.0.0.1", wire.port), "udp")
    invite = await wire.receive()
    via, end = invite.headers.get("Via"), "Content-Length: 0\r\n\r\n"
    common = "".join(f"{name}: {invite.headers.get(name)}\r\n" for name in ("From", "Call-ID", "CSeq"))
    to = f"To: {invite.headers.get('To')};tag=x\r\nContact: <sip:x@127.0.0.1:{wire.port}>\r\n"
    await wire.send(f"SIP/2.0 180 Ringing\r\nVia: {via}\r\n{common}{to}{end}".encode())
    assert await ear.heard() == ("progress", 180)
    call.cancel()
    assert (await wire.receive()).cseq.method == "CANCEL"
    for _ in range(2):  # and once more, as if our ACK had been lost
        await wire.send(f"SIP/2.0 200 OK\r\nVia: {via}\r\n{common}{to}{end}".encode())
    methods = [(await wire.receive()).cseq.method for _ in range(3)]
    assert sorted(methods) == ["ACK", "ACK", "BYE"]
    assert await ear.heard() == ("refused", 487)


@pytest.mark.rfc("3261", "17.1.1.2", "Formal Description")
async def test_nobody_answers(house: House) -> None:
    wire = UdpWire(house.address)
    house.wires.append(wire)
    _, ear = await dial(house, ("127.0.0.1", wire.port), "udp")
    assert (await wire.receive()).cseq.method == "INVITE"
    house.clock.advance(T1_S)
    assert (await wire.receive()).cseq.method == "INVITE"
    house.clock.advance(64 * T1_S)
    assert await ear.heard() == ("failed", "no answer in time")
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("3261", "9.1", "Client Behavior")
async def test_nobody_answers_the_cancel_either(house: House) -> None:
    wire = UdpWire(house.address)
    house.wires.append(wire)
    call, ear = await dial(house, ("127.0.0.1", wire.port), "udp")
    invite = await wire.receive()
    common = "".join(f"{name}: {invite.headers.get(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    await wire.send(f"SIP/2.0 100 Trying\r\n{common}Content-Length: 0\r\n\r\n".encode())
    assert await ear.heard() == ("progress", 100)
    call.cancel()
    house.clock.advance(64 * T1_S)
    assert await ear.heard() == ("failed", "the CANCEL brought no final answer")
    assert house.endpoint.busy == (0, 0, 0)


async def test_nobody_listens(house: House) -> None:
    wire = await house.udp()  # its port is free for TCP
    _, ear = await dial(house, ("127.0.0.1", wire.port), "tcp")
    heard = await ear.heard()
    assert heard[0] == "failed"
    assert "refused" in heard[1] or "connect" in heard[1]
    assert house.endpoint.busy == (0, 0, 0)


async def test_the_callee_reoffers(house: House, joined: tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]]) -> None:
    (_, ear), (leg, _) = joined
    ear.reoffer = ReofferAnswer(488)
    assert isinstance(leg, IncomingLeg)
    leg.request("INVITE", (("Content-Type", "application/sdp"), ("Contact", "<sip:x@127.0.0.1>")), OFFER)
    assert await ear.heard() == ("reoffered", OFFER)


@pytest.mark.rfc("3261", "25.1", "Basic Rules")
def test_a_name_that_would_break_the_header_is_escaped() -> None:
    invite = invite_of(
        "sip:a@b",
        via="SIP/2.0/UDP x;branch=z9hG4bKx",
        contact="<sip:x@y>",
        from_uri="sip:c@d",
        from_display_name='a\\"b',
        from_tag="t",
        call_id="i",
        user_agent="u",
        allow="BYE",
        headers=(),
        sdp=b"",
    )
    assert invite.from_.display_name == 'a\\"b'
    assert invite.headers.get("Content-Type") is None


async def answered_by(wire: UdpWire, invite: Message, tag: str, contact: str) -> None:
    common = "".join(f"{name}: {invite.headers.get(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    to = f"To: {invite.headers.get('To')};tag={tag}\r\nContact: {contact}\r\n"
    await wire.send(f"SIP/2.0 200 OK\r\n{common}{to}Content-Length: 0\r\n\r\n".encode())


async def test_hanging_up_before_an_answer_gives_up(house: House) -> None:
    call, ear = await dial(house, house.address, "udp")
    _, theirs = await house.calls.leg()
    assert await ear.heard() == ("progress", 100)
    call.hang_up()
    assert await theirs.heard() == ("cancelled", "")
    assert await ear.heard() == ("refused", 487)


async def test_an_answer_that_cannot_be_understood_is_told_once(house: House) -> None:
    wire = UdpWire(house.address)
    house.wires.append(wire)
    _, ear = await dial(house, ("127.0.0.1", wire.port), "udp")
    invite = await wire.receive()
    await answered_by(wire, invite, "x", "<nonsense>")
    heard = await ear.heard()
    assert heard[0] == "failed"
    await answered_by(wire, invite, "x", "<nonsense>")
    await answered_by(wire, invite, "y", "<sip:x@127.0.0.1>")
    assert ear.silent


@pytest.mark.rfc("3261", "13.2.2.4", "2xx Responses")
async def test_a_second_callee_who_answers_gets_its_ack_and_a_bye(house: House) -> None:
    wire = UdpWire(house.address)
    house.wires.append(wire)
    _, ear = await dial(house, ("127.0.0.1", wire.port), "udp")
    invite = await wire.receive()
    contact = f"<sip:x@127.0.0.1:{wire.port}>"
    await answered_by(wire, invite, "first", contact)
    await answered_by(wire, invite, "second", contact)
    got = [await wire.receive() for _ in range(3)]
    assert [(message.cseq.method, message.to.tag) for message in got] == [
        ("ACK", "first"),
        ("ACK", "second"),
        ("BYE", "second"),
    ]
    assert await ear.heard() == ("answered", b"")
    assert ear.silent


async def test_the_callee_updates_and_asks_what_we_can(
    house: House, joined: tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]]
) -> None:
    (call, ear), (leg, _) = joined
    assert isinstance(leg, IncomingLeg)
    came: asyncio.Queue[Response] = asyncio.Queue()
    headers = (("Contact", "<sip:x@127.0.0.1>"), ("Content-Type", "application/sdp"))
    leg.request("UPDATE", headers, OFFER, came.put_nowait)
    answer = await came.get()
    assert (answer.status, answer.body) == (200, ANSWER)
    assert await ear.heard() == ("reoffered", OFFER)
    leg.request("OPTIONS", responded=came.put_nowait)
    answer = await came.get()
    assert answer.status == 200
    assert "timer" in answer.option_tags("Supported")
    leg.request("PRACK", (("RAck", "1 1 INVITE"),), responded=came.put_nowait)
    assert (await came.get()).status == 481


async def test_each_side_keeps_the_session_alive_for_hours(
    house: House, joined: tuple[tuple[OutgoingCall, Ear], tuple[SipLeg, Ear]]
) -> None:
    (call, ear), (leg, theirs) = joined
    assert isinstance(leg, IncomingLeg)
    assert leg.peer_allows >= {"UPDATE", "INVITE"}
    for _ in range(20):
        house.clock.advance(900)
        async with asyncio.timeout(5):
            while any(exchange.state is State.TRYING for exchange in house.endpoint._client.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    call.hang_up("that was all")
    assert await theirs.heard() == ("hung up", "that was all")
    assert ear.silent


def invited(house: House, wire: UdpWire, login: Login | None) -> tuple[OutgoingCall, Ear]:
    house.wires.append(wire)
    ear = Ear()
    uri, peer = f"sip:agent@127.0.0.1:{wire.port}", Peer("udp", "127.0.0.1", wire.port)
    call = house.endpoint.invite(
        uri, peer, from_uri="sip:phone@127.0.0.1", headers=(), sdp=OFFER, listener=ear, login=login
    )
    return call, ear


async def challenged(wire: UdpWire, invite: Message, status: int = 401, nonce: str = "n") -> None:
    common = "".join(f"{name}: {invite.headers.get(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    asked = write_challenge(realm="pbx", nonce=nonce, algorithm="MD5", stale=False)
    to = f"To: {invite.headers.get('To')};tag={nonce}\r\n{name}: {asked}\r\n"
    await wire.send(f"SIP/2.0 {status} Prove It\r\n{common}{to}Content-Length: 0\r\n\r\n".encode())


async def received(wire: UdpWire) -> Request:
    message = await wire.receive()
    assert isinstance(message, Request)
    return message


@pytest.mark.rfc("3261", "22.2", "User-to-User Authentication")
@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
async def test_a_challenge_is_answered(house: House, status: int, header: str) -> None:
    wire = UdpWire(house.address)
    _, ear = invited(house, wire, Login("ada", "secret"))
    first = await received(wire)
    assert first.headers.get(header) is None
    await challenged(wire, first, status)
    assert (await received(wire)).method == "ACK"
    second = await received(wire)
    assert (second.method, second.cseq.number, second.body) == ("INVITE", first.cseq.number + 1, OFFER)
    assert (second.call_id, second.from_.tag, second.to.tag) == (first.call_id, first.from_.tag, None)
    assert second.via.branch != first.via.branch
    proof = second.headers.get(header)
    credentials = parse_credentials(proof or "")
    assert credentials is not None
    assert credentials.uri == second.uri
    secret = secret_hash("MD5", "ada", "pbx", "secret")
    assert credentials.response == expected_response(secret, "INVITE", credentials)
    await answered_by(wire, second, "x", f"<sip:x@127.0.0.1:{wire.port}>")
    ack = await received(wire)
    assert (ack.method, ack.cseq.number, ack.headers.get(header)) == ("ACK", second.cseq.number, proof)
    assert await ear.heard() == ("answered", b"")


async def test_a_second_challenge_is_a_refusal(house: House) -> None:
    wire = UdpWire(house.address)
    _, ear = invited(house, wire, Login("ada", "wrong"))
    await challenged(wire, await received(wire))
    assert (await received(wire)).method == "ACK"
    await challenged(wire, await received(wire), nonce="other")
    assert (await received(wire)).method == "ACK"
    assert await ear.heard() == ("refused", 401)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


async def test_without_credentials_a_challenge_is_a_refusal(house: House) -> None:
    wire = UdpWire(house.address)
    _, ear = invited(house, wire, None)
    await challenged(wire, await received(wire))
    assert (await received(wire)).method == "ACK"
    assert await ear.heard() == ("refused", 401)


async def test_who_has_been_given_up_is_proved_nothing(house: House) -> None:
    wire = UdpWire(house.address)
    call, ear = invited(house, wire, Login("ada", "secret"))
    invite = await received(wire)
    call.hang_up()
    await challenged(wire, invite)
    assert (await received(wire)).method == "ACK"
    assert await ear.heard() == ("refused", 401)


async def test_giving_up_after_a_challenge_cancels_the_second_invite(house: House) -> None:
    wire = UdpWire(house.address)
    call, ear = invited(house, wire, Login("ada", "secret"))
    await challenged(wire, await received(wire))
    assert (await received(wire)).method == "ACK"
    invite = await received(wire)
    call.hang_up()
    common = "".join(f"{name}: {invite.headers.get(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
    await wire.send(f"SIP/2.0 180 Ringing\r\n{common}Content-Length: 0\r\n\r\n".encode())
    cancel = await received(wire)
    assert (cancel.method, cancel.cseq.number, cancel.via.branch) == ("CANCEL", 2, invite.via.branch)
    assert ear.silent
