"""Methods that are not served, within a call and outside; what has come back to us."""

import pytest

from callgate.ports import SipLeg
from callgate.signaling.within_dialog import ALLOW
from tests.signaling.conftest import House
from tests.signaling.test_leg import joined
from tests.signaling.wire import OFFER, Caller, Ear

OTHERS = ["MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER"]


@pytest.fixture
async def leg(house: House, caller: Caller) -> tuple[SipLeg, Ear]:
    return await joined(house, caller)


@pytest.mark.rfc("3261", "8.2.1", "Method Inspection")
@pytest.mark.parametrize("method", [*OTHERS, "REFER", "FOO"])
async def test_outside_a_call_none_of_them_is_served(house: House, caller: Caller, method: str) -> None:
    await caller.send(method, headers=[("Event", "presence")])
    response = await caller.response()
    assert (response.status, response.headers.get("Allow")) == (405, ALLOW)
    assert house.calls.attempts == []


@pytest.mark.parametrize("method", [*OTHERS, "FOO"])
async def test_within_a_call_none_either_and_the_call_goes_on(
    caller: Caller, leg: tuple[SipLeg, Ear], method: str
) -> None:
    await caller.send(method, headers=[("Event", "keep-alive")])
    response = await caller.response()
    assert (response.status, response.headers.get("Allow")) == (405, ALLOW)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    assert leg[1].silent


@pytest.mark.rfc("3515", "2.4.2", "Processing a REFER Request")
async def test_by_default_a_refer_is_declined_and_the_call_goes_on(caller: Caller, leg: tuple[SipLeg, Ear]) -> None:
    await caller.send("REFER", headers=[("Refer-To", "<sip:somebody@example.org>"), ("Referred-By", "<sip:a@b>")])
    response = await caller.response()
    assert (response.status, "not transferred" in (response.headers.get("Reason") or "")) == (603, True)
    assert "REFER" not in ALLOW
    for headers in ([], [("Refer-To", "<sip:a@b>"), ("Refer-To", "<sip:c@d>")]):
        await caller.send("REFER", headers=headers)
        assert (await caller.response()).status == 400
    await caller.send("BYE")
    assert (await caller.response()).status == 200


async def test_an_invite_of_ours_that_a_proxy_sends_back_is_refused(house: House) -> None:
    proxy = await house.udp()
    ear = Ear()
    await house.endpoint.dial(
        f"sip:somebody@127.0.0.1:{proxy.port}", from_uri="sip:us@127.0.0.1", sdp=lambda address: OFFER, listener=ear
    )
    ours = await proxy.receive()
    caller = Caller(proxy, house.address)
    back = caller.request("INVITE", body=OFFER)
    via = f"Via: {ours.headers.get('Via')}\r\n".encode()
    await proxy.send(back.replace(b"Max-Forwards", via + b"Max-Forwards"))
    assert (await caller.response()).status == 482
    (attempt,) = house.calls.attempts
    assert attempt.defect is not None
    assert "one of ours" in attempt.defect.reason
    assert house.calls.waiting == 0


async def test_at_its_last_hop_an_invite_is_handled_like_any_other(house: House, caller: Caller) -> None:
    await caller.wire.send(caller.request("INVITE", body=OFFER).replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
    assert (await caller.response()).status == 100


async def test_refusals_say_why_to_admitted_peers_alone(house: House, caller: Caller) -> None:
    await caller.send("INVITE", body=OFFER, headers=[("Require", "teleportation")])
    response = await caller.response()
    assert (response.status, response.headers.get("Unsupported")) == (420, "teleportation")
    assert "requires an unknown extension" in (response.headers.get("Reason") or "")
    house.draining = True
    await caller.send("OPTIONS", to_tag="")
    assert "shutting down" in ((await caller.response()).headers.get("Reason") or "")
    await caller.send("MESSAGE", to_tag="", headers=[("Require", "teleportation")])
    assert "extension" in ((await caller.response()).headers.get("Reason") or "")
    house.strangers.add("127.0.0.1")
    await caller.send("INVITE", to_tag="", body=OFFER, headers=[("Require", "teleportation")])
    response = await caller.response()
    assert (response.status, response.headers.get("Reason")) == (420, None)
