"""Whom a caller sends its call on to, when there is trouble before any response; and what it is offered."""

import socket
from collections.abc import AsyncIterator

import pytest

from callgate.core.sdp.terms import SoundPolicy, sound_policy
from tests.calls.stage import Stage
from tests.calls.test_takeover import talking
from tests.calls.test_transfer import TARGET, Called, hears, referred
from tests.signaling.conftest import T1_S
from tests.signaling.front import Front
from tests.signaling.wire import Caller


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    front = Front(Stage(refers_to=(f"{TARGET}:*", "nowhere.invalid")))
    await front.open()
    yield front
    await front.close()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind((TARGET, 0))
        port: int = probe.getsockname()[1]
        return port


def with_sound(front: Front, policy: SoundPolicy) -> None:
    """Other terms for whoever is called."""
    assert front.stage.transfers is not None
    front.stage.transfers.sound = policy.of


async def trouble(front: Front, uri: str) -> tuple[str, str]:
    """The last NOTIFY of a REFER, and what the call's events say."""
    caller = await talking(front)
    assert (await referred(caller, uri)).status == 202
    for _ in range(2):  # 100 Trying, and how it ended
        notify = await caller.incoming()
        await caller.answer(notify)
    assert notify.headers.get("Subscription-State") == "terminated;reason=noresource"
    event = front.stage.store.events[-1]
    assert (event.type, event.severity) == ("transfer_failed", "warning")
    assert front.stage.session.did[-1] == ("begin",)
    return notify.body.decode().strip(), event.text


async def test_a_name_that_leads_nowhere(front: Front) -> None:
    told, words = await trouble(front, "sip:100@nowhere.invalid")
    assert told == "SIP/2.0 503 Service Unavailable"
    assert "leads nowhere" in words


async def test_a_connection_that_is_refused(front: Front) -> None:
    told, words = await trouble(front, f"sip:100@{TARGET}:{closed_port()};transport=tcp")
    assert told == "SIP/2.0 408 Request Timeout"
    assert "connect" in words


async def test_encryption_that_cannot_be_offered(front: Front) -> None:
    with_sound(front, sound_policy(srtp_udp="required"))
    told, words = await trouble(front, f"sip:100@{TARGET}:{closed_port()}")
    assert told == "SIP/2.0 488 Not Acceptable Here"
    assert "encryption is required" in words


async def test_a_target_that_says_nothing(front: Front) -> None:
    caller = await talking(front)
    target = Called(Caller(front.udp(TARGET), front.address), "")
    assert (await referred(caller, f"sip:100@{TARGET}:{target.caller.wire.port}")).status == 202
    await hears(caller)
    await target.rings(front)
    front.stage.clock.advance(64 * T1_S)
    assert (await hears(caller))[0] == "SIP/2.0 408 Request Timeout"
    assert "no answer in time" in front.stage.store.events[-1].text


async def test_it_is_offered_the_codecs_and_keys_of_its_own_transport(front: Front) -> None:
    with_sound(front, sound_policy(srtp_udp="preferred", srtp_without_tls=True, codecs=("G722", "PCMA")))
    caller = await talking(front)
    target = Called(Caller(front.udp(TARGET), front.address), "")
    assert (await referred(caller, f"sip:100@{TARGET}:{target.caller.wire.port}")).status == 202
    await hears(caller)
    invite = await target.rings(front)
    assert b"m=audio 20000 RTP/AVP 9 8 101" in invite.body
    assert b"a=crypto:" in invite.body
