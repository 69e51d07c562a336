"""Calls that their caller sends on to somebody else, over real sockets with the real gate behind them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from callgate.calls.target import ANSWER_S_MAX
from callgate.calls.transfer import OLD_LEG_S, REFERRALS_MAX
from callgate.core.sdp.negotiate import answer
from callgate.core.sip.message import Request, Response
from tests.calls.stage import Stage
from tests.calls.test_takeover import replacing, talking
from tests.signaling.conftest import T1_S
from tests.signaling.front import SCANNERS, Front
from tests.signaling.wire import Caller, UdpWire

TARGET = "127.0.0.5"


@dataclass
class Called:
    """A target: a phone that is called by the gate."""

    caller: Caller
    uri: str
    invite: Request | None = None

    async def rings(self, front: Front) -> Request:
        """The INVITE that comes."""
        await front.stage.settle()
        self.invite = await self.caller.incoming()
        assert self.invite.method == "INVITE"
        return self.invite

    async def says(self, status: int, body: bytes = b"") -> None:
        """A response to it."""
        assert self.invite is not None
        contact = ("Contact", f"<sip:target@{TARGET}:{self.caller.wire.port}>")
        await self.caller.answer(self.invite, status, to_tag="target", headers=[contact], body=body)
        self.caller.call_id, self.caller.to_tag = self.invite.call_id, self.invite.from_.tag or ""
        self.caller.tag, self.caller.sequence = "target", 100

    async def answers(self, port: int = 6_000) -> Request:
        """A 200 with sound at that port; the ACK that comes."""
        assert self.invite is not None
        await self.says(200, answer(self.invite.body, address=TARGET, port=port, session_id=9).sdp)
        return await self.caller.incoming()


@pytest.fixture(params=[(f"{TARGET}:*", "100@127.0.0.0/8:*")])
async def front(request: pytest.FixtureRequest) -> AsyncIterator[Front]:
    front = Front(Stage(refers_to=request.param, replaces=True))
    rules = front.stage.config
    front.stage.config = type(rules)(("127.0.0.1/32",), False, rules.allowed_agents)
    await front.open()
    yield front
    await front.close()
    assert front.warnings == []


@pytest.fixture
def target(front: Front) -> Called:
    wire = front.udp(TARGET)
    assert isinstance(wire, UdpWire)
    return Called(Caller(wire, front.address), f"sip:100@{TARGET}:{wire.port}")


async def referred(caller: Caller, uri: str, **headers: str) -> Response:
    """What a REFER is told."""
    more = [(name.replace("_", "-"), value) for name, value in headers.items()]
    await caller.send("REFER", headers=[("Refer-To", f"<{uri}>"), *more])
    return await caller.response()


async def hears(caller: Caller) -> tuple[str, str]:
    """The next NOTIFY, answered: what it tells, and whether more will come."""
    notify = await caller.incoming()
    assert notify.method == "NOTIFY", notify
    await caller.answer(notify)
    await caller.send("OPTIONS")  # answered once our response to the NOTIFY has been taken
    await caller.response()
    return notify.body.decode().strip(), (notify.headers.get("Subscription-State") or "").partition(";")[0]


async def sent_on(front: Front, target: Called, **headers: str) -> Caller:
    """A caller that has been told that its target is being called."""
    caller = await talking(front)
    response = await referred(caller, target.uri, **headers)
    assert response.status == 202, response.headers.get("Reason")
    assert await hears(caller) == ("SIP/2.0 100 Trying", "active")
    return caller


def events(front: Front, prefix: str = "transfer") -> list[str]:
    return [event.type for event in front.stage.store.events if event.type.startswith(prefix)]


def did(front: Front) -> list[tuple[Any, ...]]:
    return front.stage.session.did


@pytest.mark.rfc("3515", "2.4.3", "Accessing the Referred-to Resource")
@pytest.mark.rfc("3892", "2.2", "Referee Behavior")
async def test_the_agent_goes_on_with_whoever_answers(front: Front, target: Called) -> None:
    caller = await sent_on(front, target, Referred_By="<sip:desk@pbx.example.org>")
    invite = await target.rings(front)
    assert invite.uri == target.uri
    assert invite.from_.uri == front.stage.call.sip["to"]  # as whom the caller knows us
    assert invite.headers.get("Referred-By") == "<sip:desk@pbx.example.org>"
    assert "Replaces" not in invite.headers
    assert b"m=audio 20000 RTP/AVP 0 8 101" in invite.body  # the call's own port, and codecs as configured
    await target.says(180)
    assert await hears(caller) == ("SIP/2.0 180 Ringing", "active")
    assert did(front)[-1] == ("begin",)  # the old leg has the call until the answer
    ack = await target.answers()
    assert (ack.method, ack.uri) == ("ACK", f"sip:target@{TARGET}:{target.caller.wire.port}")
    assert await hears(caller) == ("SIP/2.0 200 OK", "terminated")
    redirected = did(front)[-1]
    assert (redirected[0], redirected[1].remote_address, redirected[1].remote_port) == ("redirect", TARGET, 6_000)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    assert events(front) == ["transfer_begun", "transferred"]
    assert front.stage.store.events[0].extras == {"to": target.uri, "referredBy": "sip:desk@pbx.example.org"}
    await target.caller.send("INFO", content_type="application/dtmf", body=b"7")
    assert (await target.caller.response()).status == 200
    assert did(front)[-1] == ("digit", "7")
    assert len(front.stage.registry) == 1
    await target.caller.send("BYE")
    assert (await target.caller.response()).status == 200
    await front.stage.count_sound()
    assert front.stage.call.outcome == "caller-hangup"
    front.stage.clock.advance(64 * T1_S)
    assert front.endpoint.busy == (0, 0, 0)
    assert len(front.stage.registry) == 0


@pytest.mark.rfc("5589", "6.1", "Successful Transfer")
async def test_who_sends_a_call_on_may_hang_up_before_anybody_answers(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    muted = did(front)[-1]
    assert (muted[0], muted[1].send, muted[1].receive) == ("redirect", False, False)
    assert front.stage.call.ended is None
    await target.answers()
    notify = await caller.incoming()  # the dialog is there for it still
    assert notify.body == b"SIP/2.0 200 OK\r\n"
    await caller.answer(notify)
    heard = did(front)[-1]
    assert (heard[0], heard[1].remote_port, heard[1].send, heard[1].receive) == ("redirect", 6_000, True, True)
    front.stage.agent.hang_up_requested("agent-hangup")
    bye = await target.caller.incoming()
    assert bye.method == "BYE"
    await target.caller.answer(bye)
    await front.stage.count_sound()
    assert front.stage.call.outcome == "agent-hangup"


@pytest.mark.rfc("5589", "6.3", "Failed Transfer")
@pytest.mark.parametrize(
    ("status", "words"), [(486, "answered 486"), (302, "answered 302"), (407, "we hold none"), (401, "we hold none")]
)
async def test_when_nobody_takes_it_the_caller_keeps_its_call(
    front: Front, target: Called, status: int, words: str
) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await target.says(status)
    assert (await target.caller.incoming()).method == "ACK"
    told, state = await hears(caller)
    assert (told.startswith(f"SIP/2.0 {status} "), state) == (True, "terminated")
    assert did(front)[-1] == ("begin",)
    assert events(front) == ["transfer_begun", "transfer_failed"]
    assert words in front.stage.store.events[-1].text
    assert (await referred(caller, target.uri)).status == 202  # and may try again


async def test_when_nobody_takes_it_and_the_caller_has_left_the_call_is_over(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await caller.send("BYE")
    assert (await caller.response()).status == 200
    await target.says(486)
    assert (await caller.incoming()).body == b"SIP/2.0 486 Busy Here\r\n"
    await front.stage.count_sound()
    assert (front.stage.call.outcome, front.stage.call.end_reason) == ("transfer-failed", "hangup")
    assert "486" in front.stage.call.outcome_detail
    assert len(front.stage.registry) == 0


async def test_a_target_that_only_rings_is_given_up(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await target.says(180)
    assert (await hears(caller))[0] == "SIP/2.0 180 Ringing"
    front.stage.clock.advance(ANSWER_S_MAX)
    assert (await target.caller.incoming()).method == "CANCEL"
    assert await hears(caller) == ("SIP/2.0 408 Request Timeout", "terminated")
    await target.says(487)  # what comes of the CANCEL is nobody's business
    assert (await referred(caller, target.uri)).status == 202


async def test_an_answer_whose_sound_cannot_be_used(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await target.says(200, b"v=0\r\n")
    assert (await target.caller.incoming()).method == "ACK"
    assert (await target.caller.incoming()).method == "BYE"
    assert await hears(caller) == ("SIP/2.0 488 Not Acceptable Here", "terminated")
    assert did(front)[-1] == ("begin",)


@pytest.mark.rfc("5589", "7.3", "Attended Transfer")
@pytest.mark.rfc("3891", "3", "User Agent Server Behavior: Receiving a Replaces Header")
async def test_an_attended_transfer_replaces_the_call_of_caller_and_target(front: Front, target: Called) -> None:
    caller = await talking(front)
    between_them = "Replaces=their%20call%3Bto-tag%3Dt%3Bfrom-tag%3Df".replace("%20", "-")
    assert (await referred(caller, f"{target.uri}?{between_them}&Require=replaces&Subject=x")).status == 202
    await hears(caller)
    invite = await target.rings(front)
    assert invite.headers.get("Replaces") == "their-call;to-tag=t;from-tag=f"
    assert invite.headers.get("Require") == "replaces"
    assert "Subject" not in invite.headers
    assert invite.uri == target.uri


async def test_the_old_leg_is_hung_up_when_its_peer_does_not(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await target.answers()
    assert (await hears(caller))[0] == "SIP/2.0 200 OK"
    front.stage.clock.advance(OLD_LEG_S)
    bye = await caller.incoming()
    assert (bye.method, "another leg" in (bye.headers.get("Reason") or "")) == ("BYE", True)
    await caller.answer(bye)
    assert front.stage.call.ended is None


async def test_a_call_that_ends_meanwhile_gives_its_target_up(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    await target.says(180)
    await hears(caller)
    front.stage.agent.hang_up_requested("agent-hangup")
    assert (await caller.incoming()).body == b"SIP/2.0 487 Request Terminated\r\n"
    assert (await caller.incoming()).method == "BYE"
    assert (await target.caller.incoming()).method == "CANCEL"
    await front.stage.count_sound()
    assert front.stage.call.outcome == "agent-hangup"


async def test_it_may_be_sent_on_again_by_whoever_has_it_and_one_after_the_other(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    await target.rings(front)
    assert (await referred(caller, target.uri)).status == 491
    await target.answers()
    await hears(caller)
    second = Called(Caller(front.udp(TARGET), front.address), "")
    second.uri = f"sip:101@{TARGET}:{second.caller.wire.port}"
    assert (await referred(target.caller, second.uri)).status == 202
    bye = asyncio.ensure_future(caller.incoming())  # the first one's leg goes as soon as the next is there
    await hears(target.caller)
    await second.rings(front)
    await second.answers(7_000)
    assert (await hears(target.caller))[0] == "SIP/2.0 200 OK"
    assert (await bye).method == "BYE"
    assert did(front)[-1][1].remote_port == 7_000
    assert len(front.stage.registry) == 1


async def test_it_can_be_taken_over_in_its_new_dialog(front: Front, target: Called) -> None:
    caller = await sent_on(front, target)
    invite = await target.rings(front)
    await target.answers()
    await hears(caller)
    _, refusal = await replacing(front, caller)
    assert refusal.status == 481
    moved = {"call_id": invite.call_id, "to": invite.from_.tag or "", "from_": "target"}
    _, taken = await replacing(front, caller, **moved)
    assert taken.status == 200


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sip:900@192.0.2.66", "refer_destinations"),
        ("sip:900@premium.example", "refer_destinations"),
        (f"sip:100@{TARGET};maddr=192.0.2.66", "refer_destinations"),
        (f"sip:100@{TARGET};method=MESSAGE", "INVITE only"),
    ],
)
async def test_nobody_else_is_called(front: Front, uri: str, words: str) -> None:
    caller = await talking(front)
    refusal = await referred(caller, uri)
    assert (refusal.status, words in (refusal.headers.get("Reason") or "")) == (603, True)
    (event,) = front.stage.store.events
    assert (event.type, event.severity, event.extras["to"]) == ("transfer_refused", "warning", uri.partition(";me")[0])
    await caller.send("OPTIONS")
    assert (await caller.response()).status == 200


async def test_we_do_not_call_ourselves(front: Front) -> None:
    caller = await talking(front)
    assert (await referred(caller, f"sip:100@127.0.0.1:{front.address[1]}")).status == 202
    await front.stage.settle()
    first = await caller.incoming()
    await caller.answer(first)
    last = await caller.incoming()
    assert last.body == b"SIP/2.0 482 Loop Detected\r\n"
    assert "this node itself" in front.stage.store.events[-1].text
    assert len(front.stage.registry) == 1


async def test_who_asks_and_asks_is_not_heard_for_ever(front: Front) -> None:
    caller = await talking(front)
    for _ in range(REFERRALS_MAX + 3):
        refusal = await referred(caller, f"sip:900@{SCANNERS[0]}")
        assert refusal.status == 603
    assert "at most" in (refusal.headers.get("Reason") or "")
    assert len(events(front)) == REFERRALS_MAX


@pytest.mark.parametrize("front", [()], indirect=True)
async def test_by_default_nobody_is_called(front: Front, target: Called) -> None:
    caller = await talking(front)
    assert (await referred(caller, target.uri)).status == 603
    assert events(front) == []
