import asyncio
import gc
import weakref

import pytest

from callgate.core.sip.message import Response
from callgate.ports import SipLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear


async def called(house: House, caller: Caller) -> tuple[SipLeg, Ear]:
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 100
    return await house.calls.leg()


async def joined(house: House, caller: Caller) -> tuple[SipLeg, Ear]:
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")
    return leg, ear


@pytest.mark.rfc("3261", "15.1.2", "UAS Behavior")
@pytest.mark.rfc("3326", "2", "The Reason Header Field")
async def test_a_call_rings_is_answered_and_ended_by_the_caller(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    assert leg.attempt.body == OFFER
    assert leg.media_address == "127.0.0.1"
    assert leg.reliable_transport == (caller.wire.name == "tcp")
    leg.ring()
    ringing = await caller.response()
    assert (ringing.status, ringing.contact is not None) == (180, True)
    leg.answer(ANSWER)
    answer = await caller.response()
    assert (answer.status, answer.body, answer.content_type) == (200, ANSWER, "application/sdp")
    assert answer.to.tag == ringing.to.tag
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")
    await caller.send("BYE", headers=[("Reason", 'Q.850;cause=16;text="had enough"')])
    assert (await caller.response()).status == 200
    assert await ear.heard() == ("hung up", "had enough")


@pytest.mark.rfc("3261", "15.1.1", "UAC Behavior")
async def test_a_call_ended_by_us(house: House, caller: Caller) -> None:
    leg, ear = await joined(house, caller)
    leg.hang_up('The agent "hung up"\r\nNot: a header')
    leg.hang_up("again")
    bye = await caller.incoming()
    assert bye.method == "BYE"
    assert bye.headers.get("Reason") == "Q.850;cause=16;text=\"The agent 'hung up'''Not: a header\""
    assert bye.headers.get("Not") is None
    await caller.answer(bye)
    await caller.send("OPTIONS")  # once this is answered, so has the 200 been taken
    assert (await caller.response()).status == 481
    assert ear.silent
    assert house.endpoint.busy[2] == 0


@pytest.mark.rfc("3261", "15.1.1", "UAC Behavior")
async def test_a_bye_that_is_not_answered_ends_the_dialog_all_the_same(house: House, caller: Caller) -> None:
    leg, _ = await joined(house, caller)
    leg.hang_up()
    assert (await caller.incoming()).method == "BYE"
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("3261", "9.2", "Server Behavior")
async def test_a_caller_that_gives_up_gets_200_and_487(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.ring()
    assert (await caller.response()).status == 180
    await caller.send("CANCEL", branch=caller.branch, sequence=1, to_tag="")
    answers = {response.cseq.method: response for response in (await caller.response(), await caller.response())}
    assert {method: response.status for method, response in answers.items()} == {"CANCEL": 200, "INVITE": 487}
    assert answers["CANCEL"].to.tag == answers["INVITE"].to.tag
    assert await ear.heard() == ("cancelled", "")
    await caller.acknowledge_refusal()
    leg.answer(ANSWER)  # it crossed the CANCEL
    leg.refuse(480)
    await caller.send("OPTIONS", to_tag="")
    assert (await caller.response()).cseq.method == "OPTIONS"
    assert ear.silent
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("3261", "9.2", "Server Behavior")
async def test_a_cancel_after_the_answer_changes_nothing(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    await caller.send("CANCEL", branch=caller.branch, sequence=1, to_tag="")
    response = await caller.response()
    assert (response.status, response.cseq.method) == (200, "CANCEL")
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")


@pytest.mark.rfc("3261", "13.3.1.4", "The INVITE is Accepted")
async def test_an_answer_is_repeated_until_the_caller_is_given_up(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    waits = [T1_S, 2 * T1_S, 4 * T1_S, *[8 * T1_S] * 7]
    for wait_s in waits:
        house.clock.advance(wait_s)
        assert (await caller.response()).status == 200
    house.clock.advance(64 * T1_S - sum(waits))
    bye = await caller.incoming()
    assert bye.method == "BYE"
    assert await ear.heard() == ("unacknowledged",)
    await caller.answer(bye)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


@pytest.mark.rfc("3261", "15", "Terminating a Session")
async def test_hanging_up_waits_for_the_ack(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    leg.hang_up("enough")
    await caller.acknowledge()
    bye = await caller.incoming()
    assert (bye.method, bye.cseq.number) == ("BYE", 1)
    assert ear.silent


async def test_a_digit_that_comes_after_we_have_hung_up_is_told_to_nobody(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    leg.hang_up("that was all")
    key = b"Signal=5\r\nDuration=160\r\n"
    await caller.send("INFO", body=key, content_type="application/dtmf-relay")  # its ACK is late
    assert (await caller.final()).status == 200
    await caller.acknowledge(sequence=1)
    assert (await caller.incoming()).method == "BYE"
    await caller.send("INFO", body=key, content_type="application/dtmf-relay")
    assert (await caller.final()).status == 200
    assert ear.silent


@pytest.mark.rfc("3261", "17.2.1", "INVITE Server Transaction")
async def test_a_refusal_is_repeated_over_udp_until_its_ack(house: House) -> None:
    caller = await house.caller()
    leg, _ = await called(house, caller)
    leg.refuse(480, (("Retry-After", "5"),))
    refusal = await caller.final()
    assert (refusal.status, refusal.headers.get("Retry-After")) == (480, "5")
    house.clock.advance(T1_S)
    assert (await caller.final()).status == 480
    await caller.acknowledge_refusal()
    await caller.send("OPTIONS", to_tag="")
    assert (await caller.response()).cseq.method == "OPTIONS"  # so the ACK has been taken
    house.clock.advance(10 * T1_S)
    assert house.endpoint.busy[0] == 1  # the OPTIONS, which stays for its copies


@pytest.mark.rfc("3261", "15.1.2", "UAS Behavior")
async def test_a_bye_before_the_answer_ends_the_invite_too(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.ring()
    assert (await caller.response()).status == 180
    await caller.send("BYE")
    answers: list[Response] = [await caller.response(), await caller.response()]
    assert {response.cseq.method: response.status for response in answers} == {"BYE": 200, "INVITE": 487}
    assert await ear.heard() == ("cancelled", "")
    assert house.endpoint.busy[2] == 0


@pytest.mark.rfc("3261", "15", "Terminating a Session")
async def test_hanging_up_before_an_answer_is_a_refusal(house: House, caller: Caller) -> None:
    leg, ear = await called(house, caller)
    leg.hang_up("something broke")
    assert (await caller.final()).status == 500
    await caller.acknowledge_refusal()
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


@pytest.mark.rfc("3261", "14.2", "UAS Behavior")
@pytest.mark.parametrize("method", ["INVITE", "INFO"])
async def test_nothing_is_renegotiated_before_the_answer(house: House, caller: Caller, method: str) -> None:
    leg, ear = await called(house, caller)
    leg.ring()
    assert (await caller.response()).status == 180
    await caller.send(method)
    response = await caller.response()
    assert response.status == 500
    assert 0 <= int(response.headers.get("Retry-After") or "") <= 10
    assert ear.silent


async def test_a_connection_that_goes_before_the_answer_is_a_caller_that_gave_up(house: House) -> None:
    caller = await house.caller("tcp")
    leg, ear = await called(house, caller)
    caller.wire.close()
    assert await ear.heard() == ("cancelled", "connection closed")
    leg.ring()
    leg.refuse(480)
    assert house.endpoint.busy == (0, 0, 0)


async def test_a_connection_that_goes_during_the_call_ends_nothing(house: House) -> None:
    caller = await house.caller("tcp")
    leg, ear = await joined(house, caller)
    caller.wire.close()
    other = await house.caller("tcp")
    other.call_id, other.tag, other.to_tag, other.sequence = caller.call_id, caller.tag, caller.to_tag, 1
    await other.send("INFO")
    assert (await other.response()).status == 200
    leg.hang_up()  # over the connection that the caller was last heard on
    assert (await other.incoming()).method == "BYE"
    assert ear.silent


async def test_what_served_a_call_is_let_go_of_while_its_transaction_lingers(house: House, caller: Caller) -> None:
    leg, _ = await joined(house, caller)
    listener = Ear()
    leg.listen(listener)
    served = weakref.ref(listener)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    assert await listener.heard() == ("hung up", "")
    del listener
    assert served() is None


async def test_a_leg_that_is_over_goes_without_the_collector(house: House, caller: Caller) -> None:
    # A full collection is rare: what waits for one is 10 kB a call.
    leg, ear = await joined(house, caller)
    gone = weakref.ref(leg)
    gc.disable()
    try:
        await caller.send("BYE")
        assert (await caller.response()).status == 200
        assert await ear.heard() == ("hung up", "")
        del leg
        house.clock.advance(64 * T1_S)  # copies of the INVITE are answered until then
        assert gone() is None
    finally:
        gc.enable()


async def test_what_served_a_call_is_let_go_of_once_our_bye_is_answered(house: House, caller: Caller) -> None:
    leg, _ = await joined(house, caller)
    listener = Ear()
    leg.listen(listener)
    served = weakref.ref(listener)
    del listener
    leg.hang_up()
    bye = await caller.incoming()
    assert served() is not None
    await caller.answer(bye)
    async with asyncio.timeout(5):
        while served() is not None:  # noqa: ASYNC110 - the answer is on its way
            await asyncio.sleep(0.001)
