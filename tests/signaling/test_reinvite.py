"""Re-INVITEs of ours, over routes and with answers that come more than once."""

import pytest

from callgate.core.sip.message import Request
from callgate.ports import SipLeg
from callgate.signaling.leg import IncomingLeg
from tests.signaling.conftest import T1_S, House
from tests.signaling.wire import ANSWER, OFFER, Caller, Ear

HALF_S = 900


async def routed(house: House, caller: Caller, route: str) -> tuple[SipLeg, Ear]:
    """A call through a proxy that stays in its way."""
    await caller.send("INVITE", body=OFFER, headers=[("Record-Route", route)])
    assert (await caller.response()).status == 100
    leg, ear = await house.calls.leg()
    leg.answer(ANSWER)
    assert (await caller.final()).headers.get("Record-Route") == route
    await caller.acknowledge()
    assert await ear.heard() == ("confirmed", b"")
    return leg, ear


def way(request: Request) -> tuple[str, list[str]]:
    return request.uri, request.headers.all("Route")


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
@pytest.mark.parametrize("strict", [False, True])
async def test_every_request_of_ours_goes_by_the_route(house: House, strict: bool) -> None:
    caller = await house.caller()
    proxy = f"sip:127.0.0.1:{caller.wire.port}"
    target = f"sip:caller@127.0.0.1:{caller.contact_port};transport=udp"
    route = f"<{proxy}>" if strict else f"<{proxy};lr>"
    expected = (proxy, [f"<{target}>"]) if strict else (target, [route])
    leg, ear = await routed(house, caller, route)
    assert isinstance(leg, IncomingLeg)
    house.clock.advance(HALF_S)
    reinvite = await caller.incoming()
    assert (reinvite.method, way(reinvite)) == ("INVITE", expected)
    await caller.answer(reinvite, body=OFFER)
    ack = await caller.incoming()
    assert (ack.method, way(ack)) == ("ACK", expected)
    assert [await ear.heard(), await ear.heard()] == [("offer wanted",), ("settled", OFFER)]
    leg.request("INFO")
    info = await caller.incoming()
    assert (info.method, way(info)) == ("INFO", expected)
    await caller.answer(info)
    await caller.send("UPDATE", headers=[("Allow", "UPDATE")])
    assert (await caller.response()).status == 200
    house.clock.advance(HALF_S)
    update = await caller.incoming()
    assert (update.method, way(update)) == ("UPDATE", expected)
    await caller.answer(update)
    leg.hang_up()
    bye = await caller.incoming()
    assert (bye.method, way(bye)) == ("BYE", expected)


async def test_an_answer_that_comes_again_gets_its_ack_again(house: House, caller: Caller) -> None:
    _, ear = await routed(house, caller, f"<sip:127.0.0.1:{caller.wire.port};lr;transport={caller.wire.name}>")
    house.clock.advance(HALF_S)
    reinvite = await caller.incoming()
    for _ in range(2):
        await caller.answer(reinvite, body=OFFER)
        assert (await caller.incoming()).method == "ACK"
    assert [await ear.heard(), await ear.heard()] == [("offer wanted",), ("settled", OFFER)]
    assert ear.silent


@pytest.mark.rfc("3261", "12.2.1.2", "Processing the Responses")
async def test_the_answer_may_name_another_target(house: House) -> None:
    caller, other = await house.caller(), await house.caller()
    leg, ear = await routed(house, caller, f"<sip:127.0.0.1:{caller.wire.port};lr>")
    house.clock.advance(HALF_S)
    reinvite = await caller.incoming()
    await caller.answer(reinvite, 180)
    target = f"sip:caller@127.0.0.1:{other.wire.port}"
    await caller.answer(reinvite, headers=[("Contact", f"<{target}>")], body=OFFER)
    assert (await caller.incoming()).uri == target
    assert [await ear.heard(), await ear.heard()] == [("offer wanted",), ("settled", OFFER)]
    leg.hang_up()
    assert (await caller.incoming()).uri == target


async def test_a_reinvite_without_an_answer_in_its_200_changes_nothing(house: House, caller: Caller) -> None:
    _, ear = await routed(house, caller, f"<sip:127.0.0.1:{caller.wire.port};lr;transport={caller.wire.name}>")
    house.clock.advance(HALF_S)
    await caller.answer(await caller.incoming())
    assert (await caller.incoming()).method == "ACK"
    assert [await ear.heard(), await ear.heard()] == [("offer wanted",), ("settled", b"")]
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 200
    assert await ear.heard() == ("reoffered", OFFER)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    house.clock.advance(64 * T1_S)
    assert house.endpoint.busy == (0, 0, 0)
