import pytest

from callgate.core.sip.message import Response
from callgate.ports import ReofferAnswer, SipLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.test_leg import called, joined
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear


@pytest.fixture
async def leg(house: House, caller: Caller) -> tuple[SipLeg, Ear]:
    return await joined(house, caller)


@pytest.mark.rfc("3261", "14.2", "UAS Behavior")
async def test_a_reinvite_is_answered_and_its_ack_confirmed(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("INVITE", body=OFFER)
    answer = await caller.response()
    assert (answer.status, answer.body) == (200, ANSWER)
    assert answer.contact is not None
    assert await leg[1].heard() == ("reoffered", OFFER)
    await caller.acknowledge()
    assert await leg[1].heard() == ("confirmed", b"")


@pytest.mark.rfc("3261", "17.2.3", "Matching Requests to Server Transactions")
async def test_a_copy_of_a_reinvite_is_no_second_one(house: House) -> None:
    caller = await house.caller()
    _, ear = await joined(house, caller)
    invite = await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 200
    await caller.wire.send(invite)
    await caller.acknowledge()
    assert [await ear.heard(), await ear.heard()] == [("reoffered", OFFER), ("confirmed", b"")]
    assert ear.silent


@pytest.mark.rfc("3261", "14.2", "UAS Behavior")
async def test_a_reinvite_without_an_offer_gets_ours_and_the_ack_brings_the_answer(
    caller: Caller, leg: tuple[SipLeg, Ear]
) -> None:
    await caller.send("INVITE")
    assert (await caller.response()).body == ANSWER
    await caller.acknowledge(OFFER)
    assert [await leg[1].heard(), await leg[1].heard()] == [("reoffered", b""), ("confirmed", OFFER)]


@pytest.mark.rfc("3261", "14.2", "UAS Behavior")
async def test_a_reinvite_that_does_not_fit_is_refused_and_the_call_goes_on(
    house: House, caller: Caller, leg: tuple[SipLeg, Ear]
) -> None:
    leg[1].reoffer = ReofferAnswer(488, headers=(("Warning", '305 callgate "no common codec"'),))
    await caller.send("INVITE", body=OFFER)
    refusal = await caller.response()
    assert (refusal.status, refusal.headers.get("Warning")) == (488, '305 callgate "no common codec"')
    await caller.acknowledge_refusal()
    await caller.send("INVITE", body=b"<xml/>", content_type="application/xml")
    refusal = await caller.response()
    assert (refusal.status, refusal.headers.get("Accept")) == (415, "application/sdp")
    await caller.acknowledge_refusal()
    await caller.send("INFO")
    assert (await caller.response()).status == 200


@pytest.mark.rfc(
    "5407", "3.1.4", "Callee Receives re-INVITE (Established State) While in the Moratorium State (Case 1)"
)
async def test_a_reinvite_before_the_ack_proves_that_the_answer_came(
    house: House, caller: Caller, leg: tuple[SipLeg, Ear]
) -> None:
    await caller.send("INVITE", body=OFFER)
    first = caller.sequence
    assert (await caller.response()).status == 200
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 200
    assert [await leg[1].heard() for _ in range(3)] == [("reoffered", OFFER), ("confirmed", b""), ("reoffered", OFFER)]
    house.clock.advance(T1_S)
    assert (await caller.response()).cseq.number == first + 1  # the first 200 is not repeated any more
    await caller.acknowledge(sequence=first)  # late
    await caller.acknowledge()
    assert await leg[1].heard() == ("confirmed", b"")
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert leg[1].silent


@pytest.mark.rfc(
    "5407", "3.1.5", "Callee Receives re-INVITE (Established State) While in the Moratorium State (Case 2)"
)
async def test_a_reinvite_before_the_ack_that_owes_an_answer_is_refused(
    caller: Caller, leg: tuple[SipLeg, Ear]
) -> None:
    await caller.send("INVITE")
    first = caller.sequence
    assert (await caller.response()).body == ANSWER  # our offer
    for method in ("INVITE", "UPDATE"):
        await caller.send(method, body=OFFER)
        assert (await caller.response()).status == 491
        if method == "INVITE":
            await caller.acknowledge_refusal()
    await caller.acknowledge(OFFER, sequence=first)
    assert [await leg[1].heard(), await leg[1].heard()] == [("reoffered", b""), ("confirmed", OFFER)]


async def test_a_reinvite_before_the_ack_when_we_are_leaving_brings_the_bye(house: House) -> None:
    caller = await house.caller()
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    leg.hang_up("enough")
    await caller.send("INVITE", body=OFFER)
    bye = await caller.incoming()
    assert bye.method == "BYE"
    assert (await caller.response()).status == 481
    await caller.answer(bye)
    await caller.acknowledge_refusal()
    assert ear.silent


async def test_what_comes_while_our_bye_waits_for_the_ack_is_told_to_nobody(house: House) -> None:
    caller = await house.caller()
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    leg.hang_up("enough")
    await caller.send("UPDATE", body=OFFER)
    assert (await caller.response()).status == 488
    await caller.send("INFO", content_type="application/dtmf", body=b"7")
    assert (await caller.response()).status == 200
    assert ear.silent


@pytest.mark.rfc("3261", "14.2", "UAS Behavior")
async def test_a_reinvite_that_is_never_acknowledged_ends_the_call(
    house: House, caller: Caller, leg: tuple[SipLeg, Ear]
) -> None:
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 200
    house.clock.advance(64 * T1_S)
    while (message := await caller.wire.receive()).cseq.method == "INVITE":
        pass
    assert message.cseq.method == "BYE"
    assert [await leg[1].heard(), await leg[1].heard()] == [("reoffered", OFFER), ("unacknowledged",)]


async def test_requests_that_cross_our_bye(house: House, caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    leg[0].hang_up()
    bye = await caller.incoming()
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 481
    await caller.acknowledge_refusal()
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    await caller.answer(bye)
    assert leg[1].silent


@pytest.mark.parametrize(
    ("content_type", "body", "digit", "duration_ms"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=240\r\n", "5", 240),
        ("application/dtmf-relay", b"Signal = #\nDuration = 0\n", "#", 160),
        ("application/dtmf-relay", b"signal=11", "#", 160),
        ("application/dtmf-relay", b"Signal=10\r\nDuration=99999\r\n", "*", 10_000),
        ("application/dtmf-relay", b"Signal=a\r\nDuration=x\r\n", "A", 160),
        ("application/dtmf", b"7", "7", 160),
    ],
)
async def test_digits_by_info(
    caller: Caller, leg: tuple[SipLeg, Ear], content_type: str, body: bytes, digit: str, duration_ms: int
) -> None:
    await caller.send("INFO", body=body, content_type=content_type)
    assert (await caller.response()).status == 200
    assert await leg[1].heard() == ("digit", digit, duration_ms)


async def test_infos_without_digits(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("INFO")
    assert (await caller.response()).status == 200
    await caller.send("INFO", body=b"<xml/>", content_type="application/media_control+xml")
    assert (await caller.response()).status == 415
    await caller.send("INFO", body=b"Signal=?", content_type="application/dtmf-relay")
    assert (await caller.response()).status == 400
    assert leg[1].silent


@pytest.mark.rfc("3261", "8.2.1", "Method Inspection")
@pytest.mark.rfc("3261", "8.2.2.3", "Require")
async def test_other_methods_within_the_dialog(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    await caller.send("SUBSCRIBE")
    response = await caller.response()
    assert response.status == 405
    assert "INVITE" in (response.headers.get("Allow") or "")
    await caller.send("INFO", headers=[("Require", "teleportation")])
    response = await caller.response()
    assert (response.status, response.headers.get("Unsupported")) == (420, "teleportation")


@pytest.mark.rfc("3261", "12.2.2", "UAS Behavior")
async def test_requests_out_of_order_are_refused(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("INFO", sequence=9)
    assert (await caller.response()).status == 200
    await caller.send("BYE", sequence=8)
    response = await caller.response()
    assert (response.status, response.reason) == (500, "CSeq Out of Order")
    assert leg[1].silent
    await caller.send("BYE", sequence=10)
    assert (await caller.response()).status == 200


async def test_a_malformed_reinvite_is_refused_and_forgotten(house: House) -> None:
    caller = await house.caller()
    await joined(house, caller)
    await caller.wire.send(caller.request("INVITE", body=OFFER).replace(b"CSeq: 2 INVITE", b"CSeq: two INVITE"))
    refusal = await caller.wire.receive()
    assert isinstance(refusal, Response)
    assert refusal.status == 400
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 1)  # the call goes on


async def test_a_listener_that_fails_leaves_no_transaction_open(house: House) -> None:
    caller = await house.caller()
    _, ear = await joined(house, caller)

    def fail(digit: str, duration_ms: int) -> None:
        raise RuntimeError("no")

    ear.digit = fail  # type: ignore[method-assign]
    ear.reoffered = fail  # type: ignore[method-assign, assignment]
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 500
    await caller.acknowledge_refusal()
    await caller.send("INFO", body=b"Signal=1", content_type="application/dtmf-relay")
    assert (await caller.response()).status == 200
    assert len(house.warnings) == 2
    house.warnings.clear()
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 1)


@pytest.mark.rfc("3311", "5.2", "Receiving an UPDATE")
async def test_an_update_with_an_offer_is_answered(house: House, caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("UPDATE", body=OFFER)
    answer = await caller.response()
    assert (answer.status, answer.body, answer.content_type) == (200, ANSWER, "application/sdp")
    assert answer.contact is not None
    assert "UPDATE" in (answer.headers.get("Allow") or "")
    assert await leg[1].heard() == ("reoffered", OFFER)
    house.clock.advance(64 * T1_S)  # it waits for no ACK
    assert leg[1].silent


async def test_an_update_without_an_offer_changes_the_target_alone(house: House) -> None:
    caller = await house.caller()
    leg, ear = await joined(house, caller)
    other = await house.udp()
    caller.contact_port = other.port
    await caller.send("UPDATE")
    answer = await caller.response()
    assert (answer.status, answer.body) == (200, b"")
    leg.hang_up()
    assert (await other.receive()).cseq.method == "BYE"
    assert ear.silent


async def test_a_reinvite_changes_the_target(house: House) -> None:
    caller = await house.caller()
    leg, ear = await joined(house, caller)
    other = await house.udp()
    caller.contact_port = other.port
    ear.reoffer = ReofferAnswer(488)
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 488
    await caller.acknowledge_refusal()
    leg.request("INFO")  # type: ignore[attr-defined]
    assert (await caller.incoming()).method == "INFO"  # a refused one changes nothing
    ear.reoffer = ReofferAnswer(200, ANSWER)
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 200
    await caller.acknowledge()
    assert [(await ear.heard())[0] for _ in range(3)] == ["reoffered", "reoffered", "confirmed"]
    leg.hang_up()
    assert (await other.receive()).cseq.method == "BYE"


async def test_updates_that_do_not_fit_are_refused_and_the_call_goes_on(
    caller: Caller, leg: tuple[SipLeg, Ear]
) -> None:
    leg[1].reoffer = ReofferAnswer(488)
    for body, content_type, status in ((OFFER, "application/sdp", 488), (b"<xml/>", "application/xml", 415)):
        await caller.send("UPDATE", body=body, content_type=content_type)
        assert (await caller.response()).status == status
    leg[1].reoffer = ReofferAnswer(200, ANSWER)
    await caller.send("UPDATE", body=OFFER)
    assert (await caller.response()).status == 200


async def test_options_say_what_we_can(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("OPTIONS")
    response = await caller.response()
    assert response.status == 200
    assert {"UPDATE", "PRACK", "INVITE"} <= set((response.headers.get("Allow") or "").split(", "))
    assert response.option_tags("Supported") == {"timer", "100rel"}
    assert leg[1].silent


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
async def test_a_listener_that_fails_leaves_no_offer_open(house: House, method: str) -> None:
    caller = await house.caller()
    _, ear = await joined(house, caller)
    works = ear.reoffered

    def fail(sdp: bytes) -> ReofferAnswer:
        raise RuntimeError("no")

    ear.reoffered = fail  # type: ignore[method-assign]
    await caller.send(method, body=OFFER)
    assert (await caller.response()).status == 500
    if method == "INVITE":
        await caller.acknowledge_refusal()
    house.warnings.clear()
    ear.reoffered = works  # type: ignore[method-assign]
    await caller.send("UPDATE", body=OFFER)
    assert (await caller.response()).status == 200


async def test_an_allow_that_cannot_be_read_allows_what_it_did_before(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("UPDATE", headers=[("Allow", 'INVITE, "ACK, x')])
    assert (await caller.response()).status == 200
