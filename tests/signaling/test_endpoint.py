import pytest

from callgate.core.sip.message import Response
from callgate.core.sip.parse import parse
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Verdict
from callgate.ports import SipLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.wire import ANSWER, OFFER, Caller


def refusing(status: int, *, stateless: bool = False) -> Decision:
    return Decision(Verdict.REFUSE, outcome="no-rule-matched", status=status, stateless=stateless)


@pytest.mark.rfc("3261", "17.2.3", "Matching Requests to Server Transactions")
async def test_an_invite_that_comes_twice_is_one_call(house: House) -> None:
    caller = await house.caller()
    invite = await caller.send("INVITE", body=OFFER)
    await caller.wire.send(invite)
    assert [(await caller.response()).status, (await caller.response()).status] == [100, 100]
    leg, _ = await house.calls.leg()
    leg.answer(ANSWER)
    assert (await caller.response()).status == 200
    await caller.wire.send(invite)  # late
    await caller.send("OPTIONS", to_tag="")
    assert (await caller.response()).cseq.method == "OPTIONS"
    assert len(house.calls.attempts) == 1
    assert house.calls.waiting == 0


async def test_what_the_attempt_says(house: House, caller: Caller) -> None:
    await caller.send("INVITE", body=OFFER, headers=[("X-Customer", "42")])
    await house.calls.leg()
    (attempt,) = house.calls.attempts
    assert (attempt.source_address, attempt.source_port) == ("127.0.0.1", caller.wire.port)
    assert attempt.transport == caller.wire.name
    assert attempt.to_uri == attempt.request_uri == caller.target
    assert ("X-Customer", "42") in attempt.headers
    assert (attempt.content_type, attempt.body, attempt.defect) == ("application/sdp", OFFER, None)


@pytest.mark.rfc("3261", "8.2.2.2", "Merged Requests")
async def test_the_same_invite_by_another_path_is_refused_while_the_first_is_served(house: House) -> None:
    caller = await house.caller()
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 100
    await caller.send("INVITE", sequence=1, body=OFFER)
    assert (await caller.response()).status == 482
    assert house.calls.waiting == 1


@pytest.mark.rfc("3261", "8.2.2.2", "Merged Requests")
@pytest.mark.parametrize("end", ["refused", "cancelled"])
async def test_the_same_call_tried_again_after_its_end_is_a_new_one(house: House, end: str) -> None:
    caller = await house.caller()
    await caller.send("INVITE", body=OFFER)
    leg, _ = await house.calls.leg()
    if end == "refused":
        leg.refuse(480)
    else:
        await caller.send("CANCEL", branch=caller.branch, sequence=1)
    while (await caller.final()).cseq.method != "INVITE":
        pass
    await caller.acknowledge_refusal()
    await caller.send("INVITE", sequence=1, to_tag="", body=OFFER)
    while (response := await caller.response()).cseq.method != "INVITE":
        pass
    assert response.status == 100
    await house.calls.leg()


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
async def test_a_stateful_refusal_is_repeated_and_forgotten(house: House) -> None:
    house.calls.decide = lambda attempt: refusing(603)
    caller = await house.caller()
    invite = await caller.send("INVITE", body=OFFER)
    refusal = await caller.response()
    assert (refusal.status, refusal.reason, refusal.body) == (603, "Decline", b"")
    assert refusal.headers.get("Server") == "Callgate/test"
    await caller.wire.send(invite)
    copy = await caller.response()
    assert (copy.status, copy.to.tag) == (603, refusal.to.tag)
    assert len(house.calls.attempts) == 1
    await caller.acknowledge_refusal()
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("3261", "8.2.7", "Stateless UAS Behavior")
async def test_a_stateless_refusal_keeps_nothing_and_says_nothing(house: House) -> None:
    house.calls.decide = lambda attempt: refusing(403, stateless=True)
    wire = await house.udp()
    caller = Caller(wire, house.address)
    invite = caller.request("INVITE", body=OFFER)
    tags = set()
    for _ in range(3):
        await wire.send(invite)
        data = await wire.receive_bytes()
        assert len(data) <= len(invite)
        refusal = parse(data)
        assert isinstance(refusal, Response)
        assert (refusal.status, refusal.body) == (403, b"")
        assert refusal.headers.get("Server") is None
        tags.add(refusal.to.tag)
    assert len(tags) == 1
    assert None not in tags
    assert house.endpoint.busy == (0, 0, 0)
    await caller.acknowledge_refusal()  # belongs to nothing, and brings nothing
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).to.tag not in tags


async def test_an_attempt_to_ignore_gets_no_answer(house: House, caller: Caller) -> None:
    house.calls.decide = lambda attempt: Decision(Verdict.IGNORE, outcome="noise", stateless=True)
    await caller.send("INVITE", body=OFFER)
    await caller.send("OPTIONS")
    assert (await caller.response()).cseq.method == "OPTIONS"
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


async def test_malformed_invites_are_refused_and_considered_for_the_record(house: House, caller: Caller) -> None:
    await caller.send("INVITE", body=OFFER, headers=[("Require", "teleportation")])
    response = await caller.response()
    assert (response.status, response.headers.get("Unsupported")) == (420, "teleportation")
    invite = caller.request("INVITE", to_tag="", body=OFFER).replace(b"CSeq: 2 INVITE", b"CSeq: 2 BYE")
    await caller.wire.send(invite)
    assert (await caller.response()).status == 400
    assert [attempt.defect.status for attempt in house.calls.attempts if attempt.defect] == [420, 400]
    assert house.calls.waiting == 0


async def test_what_is_no_sip_is_not_answered(house: House) -> None:
    wire = await house.udp()
    for noise in (b"", b"\r\n\r\n", b"\0" * 40, b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 1_000, b"SIP/2.0 200 OK\r\n\r\n"):
        await wire.send(noise)
    caller = Caller(wire, house.address)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200


@pytest.mark.rfc("3261", "11.2", "Processing of OPTIONS Request")
async def test_options_say_whether_calls_are_taken(house: House, caller: Caller) -> None:
    await caller.send("OPTIONS")
    response = await caller.response()
    assert response.status == 200
    assert "INVITE" in (response.headers.get("Allow") or "")
    assert response.headers.get("Accept") == "application/sdp"
    house.draining = True
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 503


@pytest.mark.rfc("3261", "8.2.1", "Method Inspection")
@pytest.mark.rfc("3261", "12.2.2", "UAS Behavior")
async def test_other_requests_outside_a_dialog(house: House, caller: Caller) -> None:
    await caller.send("REGISTER")
    response = await caller.response()
    assert response.status == 405
    assert "INVITE" in (response.headers.get("Allow") or "")
    for method in ("BYE", "INFO", "INVITE", "UPDATE"):
        await caller.send(method, to_tag="of-no-dialog")
        assert (await caller.response()).status == 481
    await caller.send("CANCEL", to_tag="")
    assert (await caller.response()).status == 481
    await caller.acknowledge(to_tag="of-no-dialog")
    await caller.acknowledge(to_tag="")
    house.strangers.add("127.0.0.1")
    await caller.send("OPTIONS", to_tag="")
    assert (await caller.response()).status == 403
    assert house.calls.attempts == []


async def test_a_call_that_cannot_be_begun_gives_back_what_was_reserved(house: House, caller: Caller) -> None:
    def fail(leg: SipLeg) -> None:
        raise RuntimeError("no")

    house.calls.begin = fail
    await caller.send("INVITE", body=OFFER)
    assert (await caller.final()).status == 500
    assert house.calls.sessions[0].closed == 1
    await caller.acknowledge_refusal()
    assert "could not be begun" in house.warnings.pop()
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


async def test_an_attempt_that_cannot_be_decided_on_is_refused(house: House, caller: Caller) -> None:
    def fail(attempt: Attempt) -> Decision:
        raise RuntimeError("no")

    house.calls.decide = fail
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 500
    assert "could not be decided on" in house.warnings.pop()
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("3261", "18.2.2", "Sending Responses")
async def test_answers_go_where_the_via_says(house: House) -> None:
    """RFC 3261 section 18.2.2 (Sending Responses): without rport, to the sent-by port."""
    front, behind = await house.udp(), await house.udp()
    caller = Caller(behind, house.address)
    await front.send(caller.request("OPTIONS").replace(b";rport", b""))
    assert (await caller.response()).status == 200


async def test_nothing_is_left_after_a_quiet_while(house: House) -> None:
    caller = await house.caller()
    for _ in range(5):
        caller.to_tag = ""
        await caller.send("INVITE", body=OFFER)
        leg, ear = await house.calls.leg()
        leg.answer(ANSWER)
        assert (await caller.final()).status == 200
        await caller.acknowledge()
        await ear.heard()
        await caller.send("BYE")
        assert (await caller.response()).status == 200
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert not house.endpoint._served
    assert not house.endpoint._legs
