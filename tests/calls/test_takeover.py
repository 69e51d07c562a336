"""Calls that go on over another leg, over real sockets with the real gate behind them."""

from collections.abc import AsyncIterator

import pytest

from callgate.core.sip.message import Response
from callgate.entities.decision import Verdict
from tests.calls.stage import OFFER, Stage
from tests.signaling.conftest import T1_S
from tests.signaling.front import ADMITTED, SCANNERS, Front
from tests.signaling.wire import Caller

MOVED = OFFER.replace(b" 4000 ", b" 4002 ")


@pytest.fixture(params=[True])
async def front(request: pytest.FixtureRequest) -> AsyncIterator[Front]:
    front = Front(Stage(replaces=request.param))
    rules = front.stage.config
    front.stage.config = type(rules)(("127.0.0.0/8",), False, rules.allowed_agents)
    await front.open()
    yield front
    await front.close()
    assert front.warnings == []


async def talking(front: Front, host: str = ADMITTED) -> Caller:
    """A caller that talks to the agent."""
    caller = front.caller(host)
    await caller.send("INVITE", body=OFFER)
    assert (await caller.response()).status == 100
    await front.stage.settle()
    front.stage.agent.ready()
    await front.stage.settle()
    assert (await caller.final()).status == 200
    await caller.acknowledge()
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200
    return caller


async def replacing(front: Front, old: Caller, host: str = ADMITTED, **more: str) -> tuple[Caller, Response]:
    """Another leg that wants the call of `old`, and what it is told."""
    named = {"call_id": old.call_id, "to": old.to_tag, "from_": old.tag, "flag": "", **more}
    caller = front.caller(host, user="whoever")
    header = f"{named['call_id']};to-tag={named['to']};from-tag={named['from_']}{named['flag']}"
    await caller.send("INVITE", headers=[("Replaces", header)], body=MOVED)
    return caller, await caller.final()


@pytest.mark.rfc("3891", "3", "User Agent Server Behavior: Receiving a Replaces Header")
async def test_the_call_goes_on_over_the_new_leg_and_the_old_one_ends(front: Front) -> None:
    old = await talking(front)
    new, answer = await replacing(front, old)
    assert (answer.status, answer.content_type) == (200, "application/sdp")
    assert b"m=audio 20000 " in answer.body  # the port of the call
    assert front.stage.session.did[-1][0] == "begin"  # until the ACK the old leg has the call
    await new.acknowledge()
    bye = await old.incoming()
    assert bye.method == "BYE"
    assert "another leg" in (bye.headers.get("Reason") or "")
    await old.answer(bye)
    moved = front.stage.session.did[-1]
    assert (moved[0], moved[1].remote_port) == ("redirect", 4002)
    assert len(front.stage.registry) == len(front.stage.media.sessions) == 1
    await new.send("BYE")
    assert (await new.response()).status == 200
    await front.stage.count_sound()
    assert front.stage.call.outcome == "caller-hangup"
    assert len(front.stage.registry) == 0


async def test_its_record_names_the_call(front: Front) -> None:
    old = await talking(front)
    await replacing(front, old)
    record = front.stage.store.records[-1]
    assert (record.verdict, record.call_id) == (Verdict.ADMIT, front.stage.call.call_id)


async def test_it_can_be_moved_again_and_a_hang_up_that_crosses_ends_nothing(front: Front) -> None:
    first = await talking(front)
    second, _ = await replacing(front, first)
    await second.acknowledge()
    bye = await first.incoming()
    await first.send("BYE")
    assert (await first.response()).status == 200
    await first.answer(bye)
    third, answer = await replacing(front, second)
    assert answer.status == 200
    await third.acknowledge()
    assert (await second.incoming()).method == "BYE"
    _, refusal = await replacing(front, first)  # which has no call any more
    assert refusal.status == 481
    assert len(front.stage.registry) == 1


@pytest.mark.parametrize("gives_up", ["BYE", "never"])
async def test_a_new_leg_that_is_never_acknowledged_leaves_the_call_to_the_old_one(front: Front, gives_up: str) -> None:
    old = await talking(front)
    new, _ = await replacing(front, old)
    if gives_up == "BYE":
        await new.send("BYE")
        assert (await new.response()).cseq.method == "BYE"
    else:
        front.stage.clock.advance(64 * T1_S)
    await old.send("INFO", content_type="application/dtmf", body=b"7")
    assert (await old.response()).status == 200
    assert front.stage.session.did[-1] == ("digit", "7")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"call_id": "unknown"}, 481),
        ({"to": "unknown"}, 481),
        ({"from_": "unknown"}, 481),
        ({"from_": "a b"}, 400),
        ({"flag": ";early-only"}, 486),
        ({"host": SCANNERS[0]}, 403),
        ({"host": SCANNERS[0], "flag": ";early-only"}, 403),
    ],
)
async def test_calls_are_not_stolen(front: Front, more: dict[str, str], status: int) -> None:
    old = await talking(front)
    _, refusal = await replacing(front, old, **more)
    assert refusal.status == status
    assert "Reason" in refusal.headers
    assert front.stage.store.records[-1].status == status
    await old.send("OPTIONS")
    assert (await old.response()).status == 200
    assert len(front.stage.registry) == 1


async def test_a_call_of_another_account_is_not_taken_over(front: Front) -> None:
    front.stage.others.append("example.com")
    front.stage.other_ranges = ("127.0.0.0/8",)
    old = await talking(front)
    thief = front.caller(domain="example.com")
    await thief.send(
        "INVITE", headers=[("Replaces", f"{old.call_id};to-tag={old.to_tag};from-tag={old.tag}")], body=MOVED
    )
    assert (await thief.final()).status == 403


async def test_a_call_that_rings_is_not_taken_over(front: Front) -> None:
    old = front.caller()
    await old.send("INVITE", body=OFFER)
    assert (await old.response()).status == 100
    await front.stage.settle()
    front.stage.clock.advance(2)
    assert (await old.response()).status == 180
    _, refusal = await replacing(front, old)
    assert refusal.status == 481


async def test_two_replaces_are_refused(front: Front) -> None:
    old = await talking(front)
    new = front.caller()
    one = ("Replaces", f"{old.call_id};to-tag={old.to_tag};from-tag={old.tag}")
    await new.send("INVITE", headers=[one, one], body=MOVED)
    assert (await new.final()).status == 400


async def test_a_stranger_learns_nothing_of_calls(front: Front) -> None:
    old = await talking(front)
    front.stage.config = type(front.stage.config)((f"{ADMITTED}/32",), False, front.stage.config.allowed_agents)
    for more in ({}, {"to": "unknown"}):
        _, refusal = await replacing(front, old, SCANNERS[0], **more)
        assert (refusal.status, refusal.headers.get("Reason")) == (403, None)


@pytest.mark.parametrize("front", [False], indirect=True)
async def test_by_default_calls_are_not_taken_over(front: Front) -> None:
    old = await talking(front)
    _, refusal = await replacing(front, old)
    assert (refusal.status, "not taken over" in (refusal.headers.get("Reason") or "")) == (403, True)
    required = front.caller()
    await required.send("INVITE", headers=[("Require", "replaces")], body=MOVED)
    assert (await required.final()).status == 420


async def test_whoever_offers_it_says_so(front: Front) -> None:
    caller = front.caller()
    await caller.send("OPTIONS")
    assert "replaces" in ((await caller.response()).headers.get("Supported") or "").split(", ")
