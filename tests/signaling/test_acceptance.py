"""The 2xx, its ACK and the BYE, in every order that the network can make of them."""

import pytest

from callgate.ports import SipLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.test_leg import called
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear


async def answered(house: House, caller: Caller) -> tuple[SipLeg, Ear]:
    leg, ear = await called(house, caller)
    leg.answer(ANSWER)
    assert (await caller.final()).status == 200
    return leg, ear


async def quiet(house: House) -> None:
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.rfc("5407", "3.1.6", "Callee Receives BYE (Established State) While in the Moratorium State")
async def test_a_bye_before_the_ack_and_the_ack_behind_it(house: House, caller: Caller) -> None:
    _, ear = await answered(house, caller)
    await caller.send("BYE")
    response = await caller.response()
    assert (response.status, response.cseq.method) == (200, "BYE")
    assert await ear.heard() == ("hung up", "")
    await caller.acknowledge(sequence=1)
    await caller.send("OPTIONS", to_tag="")
    assert (await caller.response()).status == 200  # nothing came in between: no 200 is repeated, no ACK answered
    assert ear.silent
    await quiet(house)


async def test_an_ack_after_the_bye_of_a_reinvite(house: House, caller: Caller) -> None:
    _, ear = await answered(house, caller)
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 200
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    await caller.acknowledge(sequence=2)
    assert [await ear.heard(), await ear.heard()] == [("reoffered", OFFER), ("hung up", "")]
    await quiet(house)
    assert ear.silent


@pytest.mark.parametrize("theirs_first", [True, False])
async def test_byes_that_cross(house: House, caller: Caller, theirs_first: bool) -> None:
    leg, ear = await answered(house, caller)
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")
    leg.hang_up()
    ours = await caller.incoming()
    assert ours.method == "BYE"
    if theirs_first:
        await caller.send("BYE")
        assert (await caller.response()).status == 200
        await caller.answer(ours)
    else:
        await caller.answer(ours, 481)
        await caller.send("BYE")
        assert (await caller.response()).status in (200, 481)
    await quiet(house)
    assert ear.silent


async def test_copies_of_an_ack_count_once(house: House, caller: Caller) -> None:
    _, ear = await answered(house, caller)
    for _ in range(3):
        await caller.acknowledge(b"")
    await caller.acknowledge(OFFER)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert await ear.heard() == ("confirmed", b"")
    assert ear.silent


async def test_an_ack_of_the_first_invite_is_none_of_the_second(house: House, caller: Caller) -> None:
    _, ear = await answered(house, caller)
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")
    await caller.send("INVITE")
    assert (await caller.response()).body == ANSWER
    await caller.acknowledge(sequence=1)  # a copy: it owes no answer
    await caller.acknowledge(OFFER)
    assert [await ear.heard(), await ear.heard()] == [("reoffered", b""), ("confirmed", OFFER)]
