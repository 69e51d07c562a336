"""Calls that the API has us place, with a real endpoint; whom we call is a socket of the test's."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from callgate.calls.joining import Joining
from callgate.calls.outgoing import OutgoingCalls, wanted_of
from callgate.core.sdp.terms import SoundPolicy
from callgate.core.sip.challenge import Login
from callgate.core.sip.message import Request
from callgate.entities.account import AccountLimits
from callgate.entities.call import Call
from callgate.ports import NoRoom, ReferAnswer
from callgate.runtime.address_guard import AddressGuard
from callgate.schema.call import render_call
from callgate.signaling.dialling import Dialling
from tests.calls.stage import ACCOUNT, AGENT, Stage
from tests.signaling.front import Front
from tests.signaling.wire import ANSWER, UdpWire

HOST = "127.0.0.6"


class Desk:
    """An owner who has calls placed, and whom they go to."""

    def __init__(self, front: Front) -> None:
        self.stage, self.endpoint = front.stage, front.endpoint
        self.wire: UdpWire = front.udp(HOST)
        self.uri = f"sip:100@{HOST}:{self.wire.port}"
        stage = front.stage
        self.guard = AddressGuard(allow_loopback=True)
        self.outgoing = OutgoingCalls(
            media=stage.media,
            registry=stage.registry,
            around=stage.around,
            sound=SoundPolicy().of,
            refusal=self.guard.refusal,
        )
        self.outgoing.dialler = Dialling(front.endpoint, self.guard.refusal)
        self.door = Joining(
            registry=stage.registry,
            around=stage.around,
            calls_max=10,
            limits_of=lambda account_id: AccountLimits(),
            draining=lambda: False,
            join_url=lambda call_id: "",
            outgoing=self.outgoing,
        )

    async def place(self, uri: str = "", *, join_timeout: str = "30s", **outgoing: Any) -> Call:
        medium: Any = {"sip": {"outgoing": {"to": uri or self.uri, **outgoing}}}
        body = {"medium": medium, "joinTimeout": join_timeout}
        return await self.door.request(ACCOUNT, self.stage.snapshot.agent(AGENT), body)

    async def received(self, method: str) -> Request:
        message = await self.wire.receive()
        assert isinstance(message, Request)
        assert message.method == method, message
        return message

    async def respond(self, request: Request, status: int, sdp: bytes = b"") -> None:
        names = ("Via", "From", "Call-ID", "CSeq")
        head = "".join(f"{name}: {request.headers.get(name)}\r\n" for name in names)
        head += f"To: {request.headers.get('To')};tag=theirs\r\nContact: <{self.uri}>\r\n"
        head += f"Content-Length: {len(sdp)}\r\n"
        kind = "Content-Type: application/sdp\r\n" if sdp else ""
        await self.wire.send(f"SIP/2.0 {status} Words\r\n{head}{kind}\r\n".encode() + sdp)

    async def refused(self, status: int) -> Call:
        await self.place()
        await self.respond(await self.received("INVITE"), status)
        await self.received("ACK")
        await self.stage.settle()
        return self.stage.call

    async def answered(self) -> Request:
        """A call that has been answered, and whose agent is there."""
        await self.place()
        invite = await self.received("INVITE")
        await self.respond(invite, 200, ANSWER)
        await self.received("ACK")
        self.stage.agent.ready()
        self.stage.clock.advance(0)
        await self.stage.settle()
        assert self.stage.facts() == ["started", "joined"]
        return invite


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    front = Front(Stage())
    await front.open()
    yield Desk(front)
    await front.close()
    assert front.warnings == []


def ended(call: Call) -> tuple[str | None, str | None, Any]:
    details: Any = render_call(call)["sipDetails"]
    return call.outcome, call.end_reason, details["terminationReason"]


async def test_the_call_is_committed_then_dialled_and_joined_by_who_answers(desk: Desk) -> None:
    call = await desk.place(**{"from": "sip:ada@a.example", "username": "ada", "password": "secret"})
    assert desk.stage.facts() == ["started"]
    assert (call.join_url, "secret" in repr(call)) == (None, False)
    invite = await desk.received("INVITE")
    assert (invite.uri, invite.headers.get("To")) == (desk.uri, f"<{desk.uri}>")
    assert (invite.headers.get("From") or "").startswith("<sip:ada@a.example>;tag=")
    assert b"m=audio 20000 RTP/AVP 0 8" in invite.body
    await desk.respond(invite, 183, ANSWER)
    await desk.stage.settle()
    assert desk.stage.media.sessions[-1].did == []
    await desk.respond(invite, 200, ANSWER)
    await desk.received("ACK")
    opened, brain, path = desk.stage.session.did[0]
    assert (opened, path.remote_address, path.remote_port, path.codec) == ("open", "127.0.0.1", 50_000, "PCMU")
    assert {name: brain.about[name] for name in ("from", "to")} == {"from": "sip:ada@a.example", "to": desk.uri}
    assert [done[0] for done in desk.stage.session.did] == ["open"]  # it is still until the agent is there
    desk.stage.agent.ready()
    desk.stage.clock.advance(0)
    await desk.stage.settle()
    assert desk.stage.session.did[-1] == ("begin",)
    assert [event.event for event in desk.stage.store.outbox] == ["call.started", "call.joined"]
    sip = desk.stage.store.facts[-1][1].sip
    assert (sip["callId"], sip["to"], sip["transport"]) == (invite.call_id, desk.uri, "udp")
    assert "secret" not in repr((desk.stage.store.facts, desk.stage.store.outbox))
    assert "secret" not in repr(desk.stage.log)


async def test_who_was_called_hangs_up(desk: Desk) -> None:
    invite = await desk.answered()
    bye = (
        f"BYE sip:callgate@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{desk.wire.port};branch=z9hG4bKbye\r\n"
        f"Max-Forwards: 70\r\nFrom: <{desk.uri}>;tag=theirs\r\nTo: {invite.headers.get('From')}\r\n"
        f"Call-ID: {invite.call_id}\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    )
    await desk.wire.send(bye.encode())
    assert (await desk.wire.receive()).cseq.method == "BYE"
    await desk.stage.count_sound()
    assert ended(desk.stage.call) == ("caller-hangup", "hangup", "SIP_TERMINATION_NORMAL")
    assert len(desk.stage.registry) == 0


async def test_the_agent_hangs_up(desk: Desk) -> None:
    await desk.answered()
    desk.stage.agent.hang_up_requested("agent-hangup")
    await desk.respond(await desk.received("BYE"), 200)
    await desk.stage.count_sound()
    assert ended(desk.stage.call) == ("agent-hangup", "agent_hangup", "SIP_TERMINATION_NORMAL")


async def test_an_agent_that_does_not_come_leaves_no_call_behind(desk: Desk) -> None:
    await desk.place()
    await desk.respond(await desk.received("INVITE"), 200, ANSWER)
    await desk.received("ACK")
    desk.stage.agent.brain_failed("gone")
    await desk.received("BYE")
    await desk.stage.count_sound()
    assert desk.stage.call.outcome == "agent-unreachable"


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (486, "callee-busy", "BUSY"),
        (600, "callee-busy", "BUSY"),
        (603, "callee-declined", "REJECTED"),
        (403, "callee-declined", "REJECTED"),
        (401, "callee-declined", "REJECTED"),
        (404, "callee-unknown", "INVALID_NUMBER"),
        (408, "callee-silent", "TIMEOUT"),
        (480, "callee-unreachable", "DESTINATION_UNAVAILABLE"),
        (503, "callee-unreachable", "DESTINATION_UNAVAILABLE"),
        (302, "callee-unreachable", "DESTINATION_UNAVAILABLE"),
    ],
)
async def test_a_refusal(desk: Desk, status: int, outcome: str, reason: str) -> None:
    call = await desk.refused(status)
    assert ended(call) == (outcome, "unjoined", f"SIP_TERMINATION_{reason}")
    assert f"{HOST} answered {status} Words" in call.outcome_detail
    assert desk.stage.media.sessions[-1].did == [("close",)]
    assert len(desk.stage.registry) == 0


async def test_nobody_answers_in_time(desk: Desk) -> None:
    await desk.place(join_timeout="5s")
    invite = await desk.received("INVITE")
    await desk.respond(invite, 180)
    await desk.stage.settle()
    desk.stage.clock.advance(4.9)
    await desk.stage.settle()
    assert desk.stage.facts() == ["started"]
    desk.stage.clock.advance(0.2)
    cancel = await desk.received("CANCEL")
    assert cancel.via.branch == invite.via.branch
    await desk.stage.settle()
    assert ended(desk.stage.call) == ("not-joined", "unjoined", "SIP_TERMINATION_TIMEOUT")
    assert desk.stage.media.sessions[-1].did == [("close",)]


async def test_an_answer_that_overtakes_the_cancel_is_hung_up(desk: Desk) -> None:
    await desk.place(join_timeout="5s")
    invite = await desk.received("INVITE")
    await desk.respond(invite, 180)
    await desk.stage.settle()
    desk.stage.clock.advance(5.1)
    await desk.received("CANCEL")
    await desk.respond(invite, 200, ANSWER)
    assert {(await desk.wire.receive()).cseq.method for _ in range(2)} == {"ACK", "BYE"}
    assert desk.stage.facts() == ["started", "ended"]


async def test_the_node_shuts_down_while_it_rings(desk: Desk) -> None:
    call = await desk.place()
    await desk.respond(await desk.received("INVITE"), 180)
    await desk.stage.settle()
    runner = desk.stage.registry.find(call.call_id)
    assert runner is not None
    runner.drain()
    await desk.received("CANCEL")
    await desk.stage.settle()
    assert desk.stage.call.outcome == "drained"


@pytest.mark.parametrize("sdp", [b"", b"v=0\r\n", ANSWER.replace(b" 0\r\n", b" 18\r\n")])
async def test_an_answer_that_cannot_be_used(desk: Desk, sdp: bytes) -> None:
    await desk.place()
    await desk.respond(await desk.received("INVITE"), 200, sdp)
    await desk.received("ACK")
    await desk.received("BYE")
    await desk.stage.settle()
    assert ended(desk.stage.call)[:2] == ("answer-unusable", "connection_error")
    assert desk.stage.media.sessions[-1].did == [("close",)]


async def test_a_name_that_leads_nowhere_or_where_nobody_may_call(desk: Desk) -> None:
    for host, words in (("nowhere.invalid", "leads nowhere"), ("localhost", "a loopback address may not be reached")):
        desk.outgoing.dialler = Dialling(desk.endpoint, AddressGuard().refusal)
        before = len(desk.stage.store.facts)
        await desk.place(f"sip:100@{host}")
        for _ in range(200):
            if len(desk.stage.store.facts) > before + 1:
                break
            await desk.stage.tasks.finish()
        assert ended(desk.stage.call)[:2] == ("callee-unreachable", "unjoined")
        assert words in desk.stage.call.outcome_detail


async def test_without_a_port_there_is_no_call(desk: Desk) -> None:
    desk.stage.media.free = 0
    with pytest.raises(NoRoom) as full:
        await desk.place()
    assert full.value.status == 503
    assert desk.stage.facts() == []


async def test_what_is_not_stored_is_not_dialled(desk: Desk) -> None:
    desk.stage.store.broken = True
    with pytest.raises(OSError, match="disk full"):
        await desk.place()
    await desk.stage.settle()
    assert desk.stage.media.sessions[-1].did == [("close",)]
    assert desk.endpoint.busy == (0, 0, 0)


async def test_whom_we_call_may_not_send_the_call_on(desk: Desk) -> None:
    call = await desk.place()
    runner = desk.stage.registry.find(call.call_id)
    assert runner is not None
    wanted: Any = None
    assert runner.referred(wanted, lambda status: None) == ReferAnswer(603)


async def test_a_node_that_places_no_calls_says_so(stage: Stage) -> None:
    door = Joining(
        registry=stage.registry,
        around=stage.around,
        calls_max=10,
        limits_of=lambda account_id: AccountLimits(),
        draining=lambda: False,
        join_url=lambda call_id: "",
    )
    assert "`sip.outgoing` turns it on" in str(door.cannot_call("sip:a@b"))


def test_the_password_leaves_the_body() -> None:
    outgoing: Any = {"to": "sip:a@b", "username": "u", "password": "secret"}
    wanted, body = wanted_of({"systemPrompt": "x", "medium": {"sip": {"outgoing": outgoing}}})
    assert wanted is not None
    assert wanted.login == Login("u", "secret")
    assert body == {"systemPrompt": "x", "medium": {"sip": {"outgoing": {"to": "sip:a@b", "username": "u"}}}}
    assert wanted_of({"medium": {"serverWebSocket": {}}})[0] is None
    assert outgoing["password"] == "secret"
