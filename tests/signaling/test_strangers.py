"""Strangers at an endpoint with the real gate behind it: refused alike, heard less, and nobody else is hurt."""

import asyncio
import difflib
import itertools
from collections.abc import AsyncIterator

import pytest

from callgate.core.sip.message import Response
from callgate.core.sip.parse import parse
from callgate.signaling.udp import UdpTransport
from tests.calls.stage import AGENT, OFFER, Stage
from tests.signaling.front import ADMITTED, GARBAGE, SCANNERS, Front, answered
from tests.signaling.wire import Caller
from tests.signaling.work import calls_of


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    front = Front(Stage())
    await front.open()
    yield front
    await front.close()
    assert front.warnings == []


async def test_an_admitted_peer_on_the_same_machine_is_never_hurt(front: Front) -> None:
    await front.silence(*SCANNERS)
    assert await answered(front.caller()) == 100
    wire = front.udp()
    for garbage in GARBAGE * 100:  # nor by what it sends itself
        await wire.send(garbage)
    stray = front.caller()
    for _ in range(200):
        await stray.send("BYE", to_tag="of-no-dialog")
        assert (await stray.response()).status == 481
    assert await answered(front.caller()) == 100
    assert len(front.stage.registry) == 2


@pytest.mark.parametrize(
    "what", ["INVITE", "OPTIONS", "MESSAGE", "BYE", "CANCEL", "ACK", "response", "garbage", "broken"]
)
async def test_whatever_a_stranger_sends_is_counted(front: Front, what: str) -> None:
    caller = front.caller(SCANNERS[0])
    strangers = front.stage.gate.strangers
    for _ in range(150):
        if what == "response":
            await caller.wire.send(b"SIP/2.0 200 OK" + caller.request("BYE").partition(b"SIP/2.0")[2])
        elif what == "garbage":
            await caller.wire.send(b"\xff" * 100)
        elif what == "broken":
            await caller.wire.send(caller.request("OPTIONS").replace(b"CSeq: ", b"CSeq: x"))
        else:
            await caller.send(
                what, to_tag="x" if what in ("BYE", "ACK") else "", body=OFFER if what == "INVITE" else b""
            )
    for _ in range(1_000):
        if strangers.noisy(SCANNERS[0]):
            break
        await asyncio.sleep(0.001)
    assert strangers.noisy(SCANNERS[0])
    assert front.endpoint.busy == (0, 0, 0)


async def test_the_acks_of_refusals_are_not_counted(front: Front) -> None:
    caller = front.caller(SCANNERS[0])
    for _ in range(55):
        caller.to_tag = ""
        assert await answered(caller) == 403
        await caller.acknowledge_refusal()
    caller.to_tag = ""
    assert await answered(caller) == 403
    assert not front.stage.gate.strangers.noisy(SCANNERS[0])


async def test_what_a_silenced_stranger_sends_is_not_parsed(front: Front) -> None:
    udp = UdpTransport(front.endpoint)
    caller = front.caller(SCANNERS[0])
    source = (SCANNERS[0], 5060)
    heard = calls_of(lambda: udp.datagram_received(caller.request("OPTIONS"), source))
    assert {"parse", "parse_head", "refuse_statelessly"} <= set(heard)
    await front.silence(SCANNERS[0])
    for data in (caller.request("INVITE", body=OFFER), caller.request("OPTIONS"), b"\xff" * 60_000):
        dropped = calls_of(lambda data=data: udp.datagram_received(data, source))  # type: ignore[misc]
        assert not {"parse", "parse_head", "attempt_of", "decide", "StageStore.decision"} & set(dropped)
        assert len(dropped) < 40 < len(heard) / 2


async def test_over_tcp_a_silenced_stranger_is_cut_off(front: Front) -> None:
    known, stranger = await front.tcp(ADMITTED), await front.tcp(SCANNERS[0])
    await front.silence(SCANNERS[0])
    await stranger.send(Caller(stranger, front.address).request("OPTIONS"))
    assert await stranger.ended()
    assert await (await front.tcp(SCANNERS[0])).ended()
    caller = Caller(known, front.address)
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200


async def test_a_living_call_goes_on_whatever_becomes_of_its_source(front: Front) -> None:
    """Carriers move, and a PATCH must not touch live calls."""
    rules = front.stage.config
    front.stage.config = type(rules)(("127.0.0.0/8",), False, rules.allowed_agents)
    caller = front.caller(SCANNERS[0])
    assert await answered(caller) == 100
    await front.stage.settle()
    front.stage.agent.ready()
    assert (await caller.final()).status == 200
    await caller.acknowledge()
    front.stage.config = rules
    front.stage.gate.rules_changed()
    await front.silence(SCANNERS[0])
    await caller.send("BYE")
    assert (await caller.response()).status == 200


async def test_a_patch_lets_a_silenced_source_in_at_once(front: Front) -> None:
    await front.silence(*SCANNERS[:2])
    front.stage.config = type(front.stage.config)((f"{SCANNERS[0]}/32",), False, front.stage.config.allowed_agents)
    front.stage.gate.rules_changed()
    assert await answered(front.caller(SCANNERS[0])) == 100
    assert front.stage.gate.strangers.noisy(SCANNERS[1])


async def test_a_pause_lets_a_silenced_source_be_refused_again(front: Front) -> None:
    await front.silence(SCANNERS[0])
    front.stage.clock.advance(301)
    assert await answered(front.caller(SCANNERS[0])) == 403


DIALLED = [
    ("demo", "example.org"),  # an agent who exists, at a domain that does
    ("nobo", "example.org"),
    ("demo", "example.net"),
    (f"agent_{AGENT}", "example.org"),
    (f"agent_{AGENT[:-1]}2", "example.org"),
]


@pytest.mark.parametrize("accounts", [1, 2])
async def test_a_stranger_learns_nothing_from_its_refusals(front: Front, accounts: int) -> None:
    """The same bytes but for what it sent itself, and the same work, whether domain and agent exist or not."""
    if accounts == 2:
        front.stage.others.append("example.com")
    udp = UdpTransport(front.endpoint)
    numbers = itertools.count(1)
    answers: list[tuple[bytes, ...]] = []
    work: list[list[str]] = []
    wire = front.udp(SCANNERS[0])
    source = (SCANNERS[0], wire.port)
    for user, domain in [("warm", "example.edu"), *DIALLED]:
        caller = Caller(wire, front.address)
        caller.call_id, caller.tag, caller.target = f"c{next(numbers):03}", "f", f"sip:{user}@{domain}"
        invite = caller.request("INVITE", branch=f"z9hG4bK{next(numbers):03}", body=OFFER)
        work.append(calls_of(lambda invite=invite: udp.datagram_received(invite, source)))  # type: ignore[misc]
        front.stage.clock.advance(2)  # it is not to be noisy
        data = await wire.receive_bytes()
        assert len(data) <= len(invite)
        refusal = parse(data)
        assert isinstance(refusal, Response)
        answers.append(shown(refusal, data, caller))
    assert len(set(answers)) == 1
    assert [differences(calls, work[1]) for calls in work[1:]] == [[]] * len(DIALLED)
    assert front.endpoint.busy == (0, 0, 0)


def differences(one: list[str], other: list[str]) -> list[str]:
    chance = "getrandbits"  # is asked again, now and then, when its number does not fit
    return [line for line in difflib.ndiff(one, other) if line[0] in "+-" and chance not in line]


def shown(refusal: Response, data: bytes, caller: Caller) -> tuple[bytes, ...]:
    """A refusal without the words of whom it answers."""
    own = [caller.target, caller.call_id, caller.branch, refusal.via.branch or "", refusal.to.tag or ""]
    for words in own:
        if words:
            data = data.replace(words.encode(), b"*")
    return tuple(data.split(b"\r\n"))
