import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request
from callgate.signaling.sip_log import DialogLog, DialogName, SipLogOptions
from callgate.signaling.transport import Peer
from tests.signaling.conftest import T1_S, House
from tests.signaling.test_leg import called, joined
from tests.signaling.wire import ANSWER, OFFER, Caller

START = datetime(2026, 1, 1, tzinfo=UTC)
PEER = Peer("udp", "192.0.2.1", 5060)
LINGER_S = 1.1


class Kept:
    """What was kept of dialogs."""

    def __init__(self) -> None:
        self.logs: list[tuple[DialogName, datetime, bytes]] = []

    def __call__(self, name: DialogName, begun: datetime, text: bytes) -> None:
        self.logs.append((name, begun, text))

    def steps(self, n: int = -1) -> list[str]:
        """The first line of each message of a log, behind the arrow."""
        lines = self.logs[n][2].decode().split("\r\n")
        heads = [(line, lines[i + 1]) for i, line in enumerate(lines) if re.match(r"2026-\S+Z  \+", line)]
        return [f"{head.split()[3]} {' '.join(first.split()[:2])}" for head, first in heads]


async def taken(caller: Caller) -> None:
    """Wait until what was sent so far has been taken: what is sent now, outside the call, comes after it."""
    call_id, caller.call_id = caller.call_id, f"{caller.call_id}-aside"
    await caller.send("OPTIONS", to_tag="")
    await caller.response()
    caller.call_id = call_id


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def house(kept: Kept) -> AsyncIterator[House]:
    house = House(sip_logs=SipLogOptions(kept, 20, 60_000))
    await house.open()
    yield house
    await house.close()
    assert house.warnings == []


async def test_the_ladder_of_a_call_that_the_caller_ends(house: House, caller: Caller, kept: Kept) -> None:
    secret = ("Proxy-Authorization", 'Digest username="a", response="0123456789abcdef"')
    key = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJh\r\n"
    await caller.send("INVITE", body=OFFER + key, headers=[secret])
    assert (await caller.response()).status == 100
    leg, ear = await house.calls.leg()
    leg.ring()
    leg.answer(ANSWER)
    while (await caller.response()).status != 200:
        pass
    await caller.acknowledge()
    await ear.heard()
    house.clock.advance(2.5)
    await caller.send("BYE")
    await caller.response()
    house.clock.advance(LINGER_S)
    ((name, begun, text),) = kept.logs
    assert name == leg.dialog_name
    assert begun == START
    target = caller.target
    assert kept.steps() == [
        f"<- INVITE {target}", "-> SIP/2.0 100", "-> SIP/2.0 180", "-> SIP/2.0 200", f"<- ACK {target}",
        f"<- BYE {target}", "-> SIP/2.0 200",
    ]  # fmt: skip
    assert f"2026-01-01T00:00:02.500000Z  +2.500 s  <- {caller.wire.name} 127.0.0.1:".encode() in text
    assert OFFER in text
    assert ANSWER in text
    assert b"0123456789abcdef" not in text
    assert b"d0Rmdmcm" not in text
    assert len(house.endpoint._logs or ()) == 0


async def test_our_bye_and_its_answer_are_in_it(house: House, caller: Caller, kept: Kept) -> None:
    leg, _ = await joined(house, caller)
    leg.hang_up()
    bye = await caller.incoming()
    house.clock.advance(0.9 * T1_S)
    assert kept.logs == []  # the last word has not been said
    await caller.answer(bye)
    await taken(caller)
    house.clock.advance(LINGER_S)
    assert [step.partition(" sip:")[0] for step in kept.steps()][-3:] == ["<- ACK", "-> BYE", "<- SIP/2.0 200"]


async def test_a_bye_that_nobody_answers_ends_it_too(house: House, caller: Caller, kept: Kept) -> None:
    leg, _ = await joined(house, caller)
    leg.hang_up()
    await caller.incoming()
    house.clock.advance(64 * T1_S)
    house.clock.advance(LINGER_S)
    assert len(kept.logs) == 1
    repeated = sum(step.startswith("-> BYE") for step in kept.steps())
    assert repeated == (1 if caller.wire.name == "tcp" else 11)


async def test_a_refusal_and_its_ack(house: House, caller: Caller, kept: Kept) -> None:
    leg, _ = await called(house, caller)
    leg.refuse(486)
    assert (await caller.final()).status == 486
    await caller.acknowledge_refusal()
    await taken(caller)
    house.clock.advance(LINGER_S)
    assert [step.partition(" sip:")[0] for step in kept.steps()] == [
        "<- INVITE", "-> SIP/2.0 100", "-> SIP/2.0 486", "<- ACK"
    ]  # fmt: skip


async def test_a_call_that_is_given_up(house: House, caller: Caller, kept: Kept) -> None:
    _, ear = await called(house, caller)
    await caller.send("CANCEL", branch=caller.branch, sequence=caller.sequence)
    await ear.heard()
    statuses = {(await caller.response()).status for _ in range(2)}
    assert statuses == {200, 487}
    await caller.acknowledge_refusal()
    await taken(caller)
    house.clock.advance(LINGER_S)
    assert [step.partition(" sip:")[0] for step in kept.steps()] == [
        "<- INVITE", "-> SIP/2.0 100", "<- CANCEL", "-> SIP/2.0 200", "-> SIP/2.0 487", "<- ACK"
    ]  # fmt: skip


async def test_what_another_says_with_the_same_call_id_is_not_in_it(house: House, kept: Kept) -> None:
    caller, other = await house.caller(), await house.caller()
    other.call_id = caller.call_id
    leg, ear = await joined(house, caller)
    await other.send("INVITE", body=OFFER, headers=[("X-Whose", "the other's")])
    assert (await other.response()).status == 100
    theirs, _ = await house.calls.leg()
    theirs.refuse(603)
    await other.final()
    await caller.send("BYE")
    await caller.response()
    await ear.heard()
    house.clock.advance(LINGER_S)
    logs = {name: text for name, _, text in kept.logs}
    assert b"X-Whose" not in logs[leg.dialog_name]
    assert other.tag.encode() not in logs[leg.dialog_name]
    assert caller.tag.encode() not in logs[theirs.dialog_name]


async def test_at_the_end_of_the_node_what_there_is_is_kept(kept: Kept) -> None:
    house = House(sip_logs=SipLogOptions(kept, 20, 60_000))
    await house.open()
    caller = await house.caller()
    await joined(house, caller)
    await house.close()
    assert [step.partition(" sip:")[0] for step in kept.steps()][-1] == "<- ACK"


async def test_no_log_is_begun_for_what_is_refused_at_the_door(house: House, kept: Kept) -> None:
    caller = await house.caller()
    await caller.send("INVITE", body=OFFER, headers=[("Require", "nothing-we-know")])
    assert (await caller.final()).status == 420
    assert len(house.endpoint._logs or ()) == 0


def log_of(messages_max: int = 6, bytes_max: int = 4_000) -> DialogLog:
    headers = [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:a@b>"),
               ("Call-ID", "1"), ("CSeq", "1 INVITE")]  # fmt: skip
    request = Request("INVITE", "sip:a@b", Headers(headers))
    return DialogLog(request, START, SipLogOptions(lambda name, begun, text: None, messages_max, bytes_max))


def test_of_many_messages_the_first_and_the_last_stay() -> None:
    log = log_of()
    for n in range(20):
        log.add(START + timedelta(seconds=n), "<-", PEER, f"message {n};".encode())
    text = log.text().decode()
    assert [n for n in range(20) if f"message {n};" in text] == [0, 1, 2, 17, 18, 19]
    assert "… 14 messages are left out here …" in text


@given(sizes=st.lists(st.integers(0, 5_000), max_size=40), bytes_max=st.integers(100, 9_000))
def test_no_log_takes_more_than_it_may(sizes: list[int], bytes_max: int) -> None:
    log = log_of(messages_max=10, bytes_max=bytes_max)
    for n, size in enumerate(sizes):
        log.add(START + timedelta(seconds=n), "->", PEER, b"x" * size)
    text = log.text()
    assert text.count(b"x") <= bytes_max
    assert text.count(b" udp ") <= 10
    if sizes:
        assert b"+0.000 s" in text
        assert f"+{len(sizes) - 1}.000 s".encode() in text


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_text_stay_as_they_were(data: bytes) -> None:
    log = log_of()
    log.add(START, "<-", Peer("tls", "2001:db8::1", 5061), b"MESSAGE sip:a@b SIP/2.0\r\n\r\n" + data)
    assert b"tls [2001:db8::1]:5061\r\nMESSAGE" in log.text()
    assert data in log.text() or b"uthorization" in data or b"inline:" in data.lower()
