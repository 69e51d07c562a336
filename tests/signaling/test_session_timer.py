"""Session timers on the wire, over hours."""

import pytest

from callgate.core.sip.message import Request
from callgate.ports import SipLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.test_outgoing import dial
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear, UdpWire

HALF_S = 900
UPDATES = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")
TIMER = ("Supported", "timer")
Headers = list[tuple[str, str]]


async def answered(house: House, caller: Caller, headers: Headers, body: bytes = OFFER) -> tuple[SipLeg, Ear, str]:
    """A call, and what our 200 says of its session."""
    await caller.send("INVITE", headers=headers, body=body)
    assert (await caller.response()).status == 100
    leg, ear = await house.calls.leg()
    leg.answer(ANSWER)
    answer = await caller.final()
    assert answer.status == 200
    assert "timer" in (answer.headers.get("Supported") or "")
    assert (answer.headers.get("Require") == "timer") == (TIMER in headers)
    await caller.acknowledge(b"" if body else OFFER)
    assert (await ear.heard())[0] == "confirmed"
    return leg, ear, answer.headers.get("Session-Expires") or ""


async def refreshed(caller: Caller, method: str) -> Request:
    request = await caller.incoming()
    assert request.method == method
    assert request.contact is not None
    assert "timer" in (request.headers.get("Supported") or "")
    return request


async def settled(caller: Caller) -> None:
    """Once this is answered, what was sent before has been taken."""
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200


@pytest.mark.rfc("4028", "9", "UAS Behavior")
async def test_an_interval_that_is_too_small_is_refused_with_the_smallest(house: House, caller: Caller) -> None:
    await caller.send("INVITE", headers=[TIMER, ("Session-Expires", "60")], body=OFFER)
    refusal = await caller.final()
    assert (refusal.status, refusal.headers.get("Min-SE")) == (422, "90")
    assert [attempt.defect.status for attempt in house.calls.attempts if attempt.defect] == [422]


@pytest.mark.rfc("4028", "10", "Performing Refreshes")
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_call_of_hours_is_refreshed_by_us(house: House, caller: Caller, by: str) -> None:
    headers = [UPDATES] if by == "UPDATE" else []
    _, ear, said = await answered(house, caller, headers)
    assert said == "1800;refresher=uas"
    for _ in range(40):  # ten hours
        house.clock.advance(HALF_S)
        request = await refreshed(caller, by)
        assert request.headers.get("Session-Expires") == "1800;refresher=uac"
        if by == "UPDATE":
            assert request.body == b""
            await caller.answer(request, headers=[("Session-Expires", "1800;refresher=uac"), ("Require", "timer")])
        else:
            assert await ear.heard() == ("offer wanted",)
            assert (request.body, request.content_type) == (ANSWER, "application/sdp")
            await caller.answer(request, body=OFFER)  # it knows nothing of timers
            ack = await caller.incoming()
            assert (ack.method, ack.cseq.number) == ("ACK", request.cseq.number)
            assert await ear.heard() == ("settled", OFFER)
        await settled(caller)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    house.clock.advance(3 * HALF_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("4028", "10", "Performing Refreshes")
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_call_of_hours_is_refreshed_by_the_peer(house: House, caller: Caller, by: str) -> None:
    said = [TIMER, ("Session-Expires", "1800;refresher=uac")]
    _, ear, agreed = await answered(house, caller, said)
    assert agreed == "1800;refresher=uac"
    for _ in range(40):
        house.clock.advance(HALF_S)
        await caller.send(by, headers=said, body=OFFER if by == "INVITE" else b"")
        answer = await caller.response()
        assert (answer.status, answer.headers.get("Session-Expires")) == (200, "1800;refresher=uac")
        if by == "INVITE":
            await caller.acknowledge()
            assert [await ear.heard(), await ear.heard()] == [("reoffered", OFFER), ("confirmed", b"")]
    assert ear.silent
    house.clock.advance(1_800 - 32)  # it has gone
    bye = await caller.incoming()
    assert bye.method == "BYE"
    assert "refreshed" in (bye.headers.get("Reason") or "")
    assert (await ear.heard())[0] == "vanished"
    await caller.answer(bye)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


async def test_a_short_session_ends_a_third_before_its_time(house: House, caller: Caller) -> None:
    _, ear, _ = await answered(house, caller, [TIMER, ("Session-Expires", "90;refresher=uac")])
    house.clock.advance(59.9)
    await settled(caller)
    house.clock.advance(0.1)
    assert (await caller.incoming()).method == "BYE"
    assert (await ear.heard())[0] == "vanished"


@pytest.mark.rfc("4028", "10", "Performing Refreshes")
@pytest.mark.parametrize("status", [408, 481])
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_peer_that_knows_no_such_call_ends_it(house: House, caller: Caller, status: int, by: str) -> None:
    _, ear, _ = await answered(house, caller, [UPDATES] if by == "UPDATE" else [])
    house.clock.advance(HALF_S)
    request = await refreshed(caller, by)
    await caller.answer(request, status)
    if by == "INVITE":
        assert (await caller.incoming()).method == "ACK"
        assert await ear.heard() == ("offer wanted",)
    assert (await caller.incoming()).method == "BYE"
    assert (await ear.heard())[0] == "vanished"


@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_a_peer_that_says_nothing_ends_it(house: House, by: str) -> None:
    caller = await house.caller()
    _, ear, _ = await answered(house, caller, [UPDATES] if by == "UPDATE" else [])
    house.clock.advance(HALF_S + 64 * T1_S)
    while (request := await caller.incoming()).method == by:
        pass
    assert request.method == "BYE"
    heard = [await ear.heard() for _ in range(1 if by == "UPDATE" else 2)]
    assert heard[-1] == ("vanished", "a refresh of the session was not answered")


@pytest.mark.parametrize("status", [401, 407, 403, 488, 500, 503, 603])
@pytest.mark.parametrize("by", ["UPDATE", "INVITE"])
async def test_whatever_else_a_refresh_is_refused_with_the_call_goes_on(
    house: House, caller: Caller, status: int, by: str
) -> None:
    _, ear, _ = await answered(house, caller, [UPDATES] if by == "UPDATE" else [])
    for _ in range(5):
        house.clock.advance(HALF_S)
        request = await refreshed(caller, by)
        assert "Authorization" not in request.headers
        await caller.answer(request, status, headers=[("WWW-Authenticate", 'Digest realm="x", nonce="y"')])
        if by == "INVITE":
            assert (await caller.incoming()).method == "ACK"
            assert await ear.heard() == ("offer wanted",)
        await settled(caller)
    await caller.send("INVITE", body=OFFER)  # and new offers are taken
    assert (await caller.response()).status == 200
    assert await ear.heard() == ("reoffered", OFFER)
    assert ear.silent


async def test_a_peer_that_turns_out_not_to_take_updates_is_sent_an_invite(house: House, caller: Caller) -> None:
    _, ear, _ = await answered(house, caller, [UPDATES])
    for _ in range(2):
        house.clock.advance(HALF_S)
        request = await caller.incoming()
        if request.method == "UPDATE":
            await caller.answer(request, 405)
            await settled(caller)
            house.clock.advance(0)
            request = await caller.incoming()
        assert request.method == "INVITE"
        assert await ear.heard() == ("offer wanted",)
        await caller.answer(request, body=OFFER)
        assert (await caller.incoming()).method == "ACK"
        assert await ear.heard() == ("settled", OFFER)


@pytest.mark.rfc("4028", "7.3", "Processing a 422 Response")
async def test_a_peer_that_wants_a_longer_interval_gets_it(house: House, caller: Caller) -> None:
    await answered(house, caller, [UPDATES])
    house.clock.advance(HALF_S)
    await caller.answer(await refreshed(caller, "UPDATE"), 422, headers=[("Min-SE", "3600")])
    await settled(caller)
    house.clock.advance(0)
    request = await refreshed(caller, "UPDATE")
    assert request.headers.get("Session-Expires") == "3600;refresher=uac"
    assert request.headers.get("Min-SE") == "3600"
    await caller.answer(request)
    await settled(caller)
    house.clock.advance(1_799)
    await settled(caller)
    house.clock.advance(1)
    await refreshed(caller, "UPDATE")


@pytest.mark.rfc("3261", "14.1", "UAC Behavior")
async def test_a_refresh_that_crosses_an_invite_of_the_peer_is_tried_again(house: House, caller: Caller) -> None:
    _, ear, _ = await answered(house, caller, [])
    house.clock.advance(HALF_S)
    ours = await refreshed(caller, "INVITE")
    assert await ear.heard() == ("offer wanted",)
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 491
    await caller.acknowledge_refusal()
    await caller.answer(ours, 491)
    assert (await caller.incoming()).method == "ACK"
    await settled(caller)
    house.clock.advance(2.0)
    again = await refreshed(caller, "INVITE")
    assert again.cseq.number == ours.cseq.number + 1


async def test_a_refresh_waits_for_the_ack_of_the_peers_invite(house: House, caller: Caller) -> None:
    _, ear, _ = await answered(house, caller, [])
    house.clock.advance(HALF_S - 1)
    await caller.send("INVITE")
    assert (await caller.response()).status == 200
    assert await ear.heard() == ("reoffered", b"")
    await caller.acknowledge(OFFER)
    assert await ear.heard() == ("confirmed", OFFER)
    house.clock.advance(1)  # that INVITE has refreshed the session
    await settled(caller)
    house.clock.advance(HALF_S - 1)
    await refreshed(caller, "INVITE")


async def test_a_peer_may_take_the_refreshing_over(house: House, caller: Caller) -> None:
    _, ear, _ = await answered(house, caller, [UPDATES, TIMER])
    house.clock.advance(HALF_S)
    await caller.answer(await refreshed(caller, "UPDATE"), headers=[("Session-Expires", "600;refresher=uas")])
    await settled(caller)
    house.clock.advance(600 - 32)
    assert (await caller.incoming()).method == "BYE"
    assert (await ear.heard())[0] == "vanished"


async def test_a_refresh_under_way_when_we_hang_up_changes_nothing(house: House, caller: Caller) -> None:
    leg, ear, _ = await answered(house, caller, [])
    house.clock.advance(HALF_S)
    ours = await refreshed(caller, "INVITE")
    assert await ear.heard() == ("offer wanted",)
    leg.hang_up()
    bye = await caller.incoming()
    assert bye.method == "BYE"
    await caller.answer(ours, body=OFFER)
    assert (await caller.incoming()).method == "ACK"  # RFC 5407 appendix B
    await caller.answer(bye)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


async def test_a_call_of_ours_refreshes_when_the_callee_says_so(house: House) -> None:
    wire = UdpWire(house.address)
    house.wires.append(wire)
    call, ear = await dial(house, ("127.0.0.1", wire.port), "udp")
    callee = Caller(wire, house.address)
    invite = await callee.incoming()
    assert invite.headers.get("Supported") == "timer"
    callee.call_id, callee.tag, callee.to_tag = invite.call_id, "callee", invite.from_.tag or ""
    contact = ("Contact", f"<sip:x@127.0.0.1:{wire.port}>")
    said = [contact, UPDATES, ("Session-Expires", "100;refresher=uac"), ("Require", "timer")]
    await callee.answer(invite, headers=said, body=ANSWER, to_tag="callee")
    assert (await callee.incoming()).method == "ACK"
    assert await ear.heard() == ("answered", ANSWER)
    for _ in range(3):
        house.clock.advance(50)
        update = await refreshed(callee, "UPDATE")
        assert update.headers.get("Session-Expires") == "100;refresher=uac"
        await callee.answer(update, headers=said)
        await settled(callee)
    call.hang_up()
    assert (await callee.incoming()).method == "BYE"
    assert ear.silent
