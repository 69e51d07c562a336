"""A REFER on the wire: its answer, and the NOTIFYs that follow, one at a time."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from callgate.core.sip.message import Request
from callgate.ports import ReferAnswer, SipLeg
from callgate.signaling.within_dialog import ALLOW
from tests.signaling.conftest import T1_S, House
from tests.signaling.test_leg import joined
from tests.signaling.wire import OFFER, Caller, Ear

TARGET = ("Refer-To", "<sip:100@pbx.example.org>")
Tell = Callable[[int], None]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(refers=True)
    await house.open()
    yield house
    await house.close()
    assert house.warnings == []


@pytest.fixture
async def leg(house: House, caller: Caller) -> tuple[SipLeg, Ear]:
    return await joined(house, caller)


async def accepted(caller: Caller, ear: Ear) -> tuple[Tell, Request]:
    """A REFER that is accepted, and its first NOTIFY, which has not been answered."""
    await caller.send("REFER", headers=[TARGET])
    assert (await caller.response()).status == 202
    heard = await ear.heard()
    assert heard[0] == "referred"
    tell: Tell = heard[2]
    return tell, await caller.incoming()


def told(notify: Request) -> tuple[Any, ...]:
    state = (notify.headers.get("Subscription-State") or "").partition(";")[0]
    return notify.method, notify.headers.get("Event"), state, notify.body


@pytest.mark.rfc("3515", "2.4.4", "Using SIP Events to Report the Results of the Reference")
async def test_a_referrer_is_told_at_once_and_in_the_end(house: House, caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    tell, first = await accepted(caller, leg[1])
    event = f"refer;id={caller.sequence}"
    assert told(first) == ("NOTIFY", event, "active", b"SIP/2.0 100 Trying\r\n")
    assert first.content_type == "message/sipfrag"
    assert "sip:callgate@" in (first.headers.get("Contact") or "")
    assert "expires=300" in (first.headers.get("Subscription-State") or "")
    await caller.answer(first)
    await caller.send("OPTIONS")
    response = await caller.response()
    assert response.headers.get("Allow") == f"{ALLOW}, REFER"
    assert "norefersub" in (response.headers.get("Supported") or "")
    house.clock.advance(10)
    tell(180)
    tell(180)
    ringing = await caller.incoming()
    assert told(ringing) == ("NOTIFY", event, "active", b"SIP/2.0 180 Ringing\r\n")
    assert "expires=290" in (ringing.headers.get("Subscription-State") or "")
    assert ringing.cseq.number == first.cseq.number + 1
    await caller.answer(ringing)
    await caller.send("OPTIONS")  # answered once the response before it has been taken
    await caller.response()
    tell(486)
    last = await caller.incoming()
    assert told(last) == ("NOTIFY", event, "terminated", b"SIP/2.0 486 Busy Here\r\n")
    assert last.headers.get("Subscription-State") == "terminated;reason=noresource"
    await caller.answer(last)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


async def test_one_notify_is_under_way_and_the_newest_is_told(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    tell, first = await accepted(caller, leg[1])
    tell(180)
    tell(183)
    await caller.answer(first)
    second = await caller.incoming()
    assert second.body == b"SIP/2.0 183 Session Progress\r\n"
    tell(180)
    tell(200)
    await caller.answer(second)
    assert told(await caller.incoming())[2:] == ("terminated", b"SIP/2.0 200 OK\r\n")


@pytest.mark.rfc("6665", "4.2.2", "Sending State Information to Subscribers")
@pytest.mark.parametrize("status", [481, 500, 401, 0])
async def test_a_notify_that_fails_ends_the_subscription(
    house: House, caller: Caller, leg: tuple[SipLeg, Ear], status: int
) -> None:
    """A challenge to it is not answered either: we hold no credentials."""
    tell, first = await accepted(caller, leg[1])
    if status:
        await caller.answer(first, status)
        await caller.send("OPTIONS")
        await caller.response()
    else:
        house.clock.advance(64 * T1_S)
    tell(180)
    tell(200)
    await caller.send("BYE")
    while (message := await caller.wire.receive()).cseq.method != "BYE":
        assert message.body == first.body  # a copy
    assert leg[1].silent is False
    assert (await leg[1].heard())[0] == "hung up"


@pytest.mark.rfc("5589", "6.1", "Successful Transfer")
async def test_who_hangs_up_at_once_is_told_all_the_same(house: House, caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    tell, first = await accepted(caller, leg[1])
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    assert (await leg[1].heard())[0] == "hung up"
    await caller.answer(first)
    tell(200)
    last = await caller.incoming()
    assert told(last)[2:] == ("terminated", b"SIP/2.0 200 OK\r\n")
    await caller.answer(last)
    await caller.send("REFER", headers=[TARGET])
    assert (await caller.response()).status == 481
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)


@pytest.mark.parametrize("caller", ["udp"], indirect=True)  # over TCP there are no copies
async def test_a_copy_of_a_refer_is_the_same_refer(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    data = await caller.send("REFER", headers=[TARGET])
    assert (await caller.response()).status == 202
    assert (await caller.incoming()).method == "NOTIFY"
    await caller.wire.send(data)
    assert (await caller.response()).status == 202
    assert (await leg[1].heard())[0] == "referred"
    assert leg[1].silent


async def test_who_wants_to_hear_nothing_hears_nothing(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("REFER", headers=[TARGET, ("Refer-Sub", "false"), ("Require", "norefersub")])
    response = await caller.response()
    assert (response.status, response.headers.get("Refer-Sub")) == (200, "false")
    (await leg[1].heard())[2](200)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200


@pytest.mark.rfc("3515", "2.4.2", "Processing a REFER Request")
async def test_what_is_refused_and_why(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    for headers in ([], [TARGET, TARGET], [("Refer-To", "<tel:+15550100>")], [("Refer-To", "<sip:a@b> garbage")]):
        await caller.send("REFER", headers=headers)
        response = await caller.response()
        assert response.status == 400
        assert "Refer-To" in (response.headers.get("Reason") or "")
    assert leg[1].silent
    leg[1].refer_answer = ReferAnswer(491, "later")
    await caller.send("REFER", headers=[TARGET])
    response = await caller.response()
    assert (response.status, 'text="later"' in (response.headers.get("Reason") or "")) == (491, True)


async def test_before_the_answer_it_is_too_early(house: House, caller: Caller) -> None:
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 100
    leg, ear = await house.calls.leg()
    leg.ring()
    assert (await caller.response()).status == 180
    await caller.send("REFER", headers=[TARGET])
    response = await caller.response()
    assert (response.status, "Retry-After" in response.headers) == (500, True)
    assert ear.silent


async def test_outside_a_call_there_is_nothing_to_send_on(caller: Caller) -> None:
    await caller.send("REFER", headers=[TARGET])
    assert (await caller.response()).status == 405
