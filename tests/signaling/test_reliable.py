"""Reliable provisional responses on the wire."""

import pytest

from callgate.core.sip.message import Response
from callgate.ports import ReofferAnswer, SipLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.test_leg import called
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear

REQUIRED = [("Require", "100rel")]
SUPPORTED = [("Supported", "100rel, timer")]


async def invited(house: House, caller: Caller, headers: list[tuple[str, str]], body: bytes) -> tuple[SipLeg, Ear]:
    await caller.send("INVITE", headers=headers, body=body)
    assert (await caller.response()).status == 100
    return await house.calls.leg()


async def rang(caller: Caller) -> tuple[Response, str]:
    """A reliable 180, and what its PRACK says."""
    ringing = await caller.response()
    assert (ringing.status, ringing.headers.get("Require")) == (180, "100rel")
    assert ringing.contact is not None
    return ringing, f"{ringing.headers.get('RSeq')} {ringing.cseq.number} INVITE"


async def pracks(caller: Caller, rack: str, body: bytes = b"") -> Response:
    await caller.send("PRACK", headers=[("RAck", rack)], body=body)
    return await caller.response()


@pytest.mark.rfc("3262", "3", "UAS Behavior")
async def test_ringing_is_reliable_where_that_is_required(house: House, caller: Caller) -> None:
    leg, ear = await invited(house, caller, REQUIRED, OFFER)
    leg.ring()
    ringing, rack = await rang(caller)
    assert ringing.body == b""
    assert 1 <= int(ringing.headers.get("RSeq") or "") < 2**31
    for wait_s in (T1_S, 2 * T1_S):
        house.clock.advance(wait_s)
        assert (await rang(caller))[1] == rack
    leg.ring()  # not before the PRACK
    pracked = await pracks(caller, rack)
    assert (pracked.status, pracked.cseq.method) == (200, "PRACK")
    house.clock.advance(64 * T1_S)
    leg.ring()
    _, second = await rang(caller)
    assert int(second.split()[0]) == int(rack.split()[0]) + 1
    assert (await pracks(caller, second)).status == 200
    leg.answer(ANSWER)
    answer = await caller.response()
    assert (answer.status, answer.body) == (200, ANSWER)
    await caller.acknowledge(sequence=answer.cseq.number)
    assert await ear.heard() == ("confirmed", b"")
    assert ear.silent


async def test_ringing_is_plain_where_reliable_is_only_supported(house: House, caller: Caller) -> None:
    for body in (OFFER, b""):
        caller = await house.caller(caller.wire.name)
        leg, ear = await invited(house, caller, SUPPORTED, body)
        leg.ring()
        ringing = await caller.response()
        assert (ringing.status, ringing.headers.get("RSeq"), ringing.body) == (180, None, b"")
        leg.answer(ANSWER)
        assert (await caller.response()).body == ANSWER
        await caller.acknowledge(b"" if body else OFFER)
        assert await ear.heard() == ("confirmed", b"" if body else OFFER)


@pytest.mark.rfc("3262", "5", "The Offer/Answer Model and PRACK")
async def test_without_an_offer_ours_comes_with_the_ringing_and_the_answer_with_the_prack(
    house: House, caller: Caller
) -> None:
    leg, ear = await invited(house, caller, REQUIRED, b"")
    leg.ring()
    assert await ear.heard() == ("offer wanted",)
    ringing, rack = await rang(caller)
    assert (ringing.body, ringing.content_type) == (ANSWER, "application/sdp")
    leg.answer(ANSWER)
    house.clock.advance(T1_S)
    assert (await rang(caller))[1] == rack  # the 200 waits
    assert (await pracks(caller, rack, OFFER)).status == 200
    assert await ear.heard() == ("settled", OFFER)
    answer = await caller.response()
    assert (answer.status, answer.body, answer.content_type) == (200, b"", None)
    await caller.acknowledge(sequence=answer.cseq.number)
    assert await ear.heard() == ("confirmed", b"")


async def test_a_prack_without_the_answer_is_told(house: House, caller: Caller) -> None:
    leg, ear = await invited(house, caller, REQUIRED, b"")
    leg.ring()
    assert await ear.heard() == ("offer wanted",)
    _, rack = await rang(caller)
    leg.answer(ANSWER)
    ear.settled = lambda sdp: leg.refuse(488)  # type: ignore[method-assign]
    await caller.send("PRACK", headers=[("RAck", rack)])
    statuses = {(response := await caller.response()).cseq.method: response.status for _ in range(2)}
    assert statuses == {"PRACK": 200, "INVITE": 488}
    await caller.send("ACK", branch=caller.branch, sequence=1)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


async def test_an_offer_in_a_prack_is_answered_once_there_has_been_an_answer(house: House, caller: Caller) -> None:
    leg, ear = await invited(house, caller, REQUIRED, b"")
    leg.ring()
    _, rack = await rang(caller)
    assert (await pracks(caller, rack, OFFER)).status == 200
    leg.ring()
    _, rack = await rang(caller)
    answer = await pracks(caller, rack, OFFER)
    assert (answer.status, answer.body) == (200, ANSWER)
    assert [await ear.heard() for _ in range(3)] == [("offer wanted",), ("settled", OFFER), ("reoffered", OFFER)]
    ear.reoffer = ReofferAnswer(488)
    leg.ring()
    _, rack = await rang(caller)
    assert (await pracks(caller, rack, OFFER)).status == 488


@pytest.mark.rfc("3311", "5.2", "Receiving an UPDATE")
async def test_before_the_answer_an_offer_is_taken_only_when_none_is_under_way(house: House, caller: Caller) -> None:
    leg, ear = await invited(house, caller, REQUIRED, OFFER)
    leg.ring()
    _, rack = await rang(caller)
    await caller.send("UPDATE", body=OFFER)  # ours is owed
    refusal = await caller.response()
    assert (refusal.status, int(refusal.headers.get("Retry-After") or "") <= 10) == (500, True)
    offering = await pracks(caller, rack, OFFER)
    assert offering.status == 500
    await caller.send("UPDATE")
    updated = await caller.response()
    assert (updated.status, updated.body, updated.headers.get("Session-Expires")) == (200, b"", None)
    assert ear.silent

    other = await house.caller(caller.wire.name)
    leg, ear = await invited(house, other, REQUIRED, b"")
    leg.ring()
    _, rack = await rang(other)
    await other.send("UPDATE", body=OFFER)  # theirs is owed
    assert (await other.response()).status == 491
    assert (await pracks(other, rack, OFFER)).status == 200
    await other.send("UPDATE", body=OFFER)
    assert (await other.response()).status == 200
    assert [await ear.heard() for _ in range(3)] == [("offer wanted",), ("settled", OFFER), ("reoffered", OFFER)]


@pytest.mark.rfc("3262", "3", "UAS Behavior")
@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("body", [OFFER, b""])
async def test_ringing_that_is_never_acknowledged_ends_the_call(
    house: House, caller: Caller, body: bytes, answered: bool
) -> None:
    leg, ear = await invited(house, caller, REQUIRED, body)
    leg.ring()
    _, rack = await rang(caller)
    if not body:
        assert await ear.heard() == ("offer wanted",)
        if answered:
            leg.answer(ANSWER)
    house.clock.advance(64 * T1_S)
    for _ in range(6):
        assert (await rang(caller))[1] == rack
    assert (await caller.response()).status == 504
    await caller.acknowledge_refusal()
    assert await ear.heard() == ("no prack",)
    assert (await pracks(caller, rack)).status == 481
    leg.answer(ANSWER)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


@pytest.mark.rfc("3262", "3", "UAS Behavior")
async def test_an_answer_without_sdp_in_the_ringing_does_not_wait(house: House, caller: Caller) -> None:
    leg, ear = await invited(house, caller, REQUIRED, OFFER)
    leg.ring()
    _, rack = await rang(caller)
    leg.answer(ANSWER)
    assert (await caller.response()).status == 200
    assert (await pracks(caller, rack)).status == 200  # it crossed the answer
    await caller.acknowledge(sequence=1)
    assert await ear.heard() == ("confirmed", b"")
    assert (await pracks(caller, rack)).status == 481


@pytest.mark.parametrize(("rack", "status"), [("1 1 INVITE", 481), ("nonsense", 400), ("", 400)])
async def test_a_prack_that_matches_nothing(house: House, caller: Caller, rack: str, status: int) -> None:
    leg, _ = await called(house, caller)
    leg.ring()
    assert (await caller.response()).status == 180
    assert (await pracks(caller, rack)).status == status


@pytest.mark.parametrize("given_up", ["CANCEL", "BYE"])
async def test_a_caller_that_gives_up_while_the_answer_waits(house: House, caller: Caller, given_up: str) -> None:
    leg, ear = await invited(house, caller, REQUIRED, b"")
    leg.ring()
    assert await ear.heard() == ("offer wanted",)
    await rang(caller)
    leg.answer(ANSWER)
    if given_up == "CANCEL":
        await caller.send("CANCEL", branch=caller.branch, sequence=1, to_tag="")
    else:
        await caller.send("BYE")
    statuses = {(response := await caller.response()).cseq.method: response.status for _ in range(2)}
    assert statuses == {given_up: 200, "INVITE": 487}
    assert await ear.heard() == ("cancelled", "")
    await caller.send("ACK", branch=caller.branch, sequence=1)
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
    assert ear.silent


async def test_no_other_dialog_waits_for_a_prack(house: House, caller: Caller) -> None:
    leg, _ = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    await caller.acknowledge()
    assert (await pracks(caller, "1 1 INVITE")).status == 481
