from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgate.calls.registry import Registry
from callgate.entities.account import Account
from callgate.entities.call import Call
from callgate.entities.sip_log import SipLog
from callgate.operations.caller import Caller
from callgate.operations.errors import Forbidden, NotFound, TooEarly
from callgate.operations.sip_logs import LINK_S, SipLogOperations
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.store.facts import START, a_call, an_event

SIP = {"callId": "1@192.0.2.1"}


@dataclass
class Desk:
    """The operations over a real store."""

    store: Store
    clock: ManualClock
    account: Account
    key: str
    logs: SipLogOperations
    live: set[str]

    @property
    def caller(self) -> Caller:
        return Caller(self.account, self.key.partition(".")[0])

    async def over(self, *texts: bytes, **more: Any) -> Call:
        call = a_call(self.account.account_id, created=self.clock.now(), **{"sip": SIP, **more})
        await self.store.call_started(call, None, an_event(call, "call.started"))
        call = replace(call, ended=self.clock.now(), end_reason="hangup", outcome="caller-hangup")
        await self.store.call_ended(call)
        for n, text in enumerate(texts):
            self.store.sip_log(SipLog(call.call_id, START + timedelta(seconds=n), text))
        await self.store.written()
        return call


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = ManualClock()
    store = await open_store(tmp_path / "callgate.db", clock=clock, ids=SystemIds())
    account, key = await store.create_account("account", "Account")
    registry, live = Registry(), set[str]()
    registry.is_live = lambda call_id: call_id in live  # type: ignore[method-assign]
    yield Desk(store, clock, account, key, SipLogOperations(store, clock, registry, kept=True), live)
    await store.close()


async def test_a_link_leads_to_the_ladders_of_all_dialogs(desk: Desk) -> None:
    call = await desk.over(b"first\r\n", b"second \xff\r\n")
    token = await desk.logs.link(desk.caller, call.call_id.upper())
    assert await desk.logs.follow(call.call_id, token) == b"first\r\nsecond \xff\r\n"
    desk.clock.advance(LINK_S - 1)
    assert await desk.logs.follow(call.call_id, token)
    desk.clock.advance(1)
    with pytest.raises(Forbidden, match="expired"):
        await desk.logs.follow(call.call_id, token)


async def test_while_a_call_goes_on_it_is_too_early(desk: Desk) -> None:
    call = a_call(desk.account.account_id, sip=SIP)
    await desk.store.call_started(call, None, an_event(call, "call.started"))
    with pytest.raises(TooEarly, match="goes on"):
        await desk.logs.link(desk.caller, call.call_id)
    speaking = await desk.over(b"x")
    desk.live.add(speaking.call_id)
    with pytest.raises(TooEarly, match="goes on"):
        await desk.logs.link(desk.caller, speaking.call_id)


async def test_what_may_still_be_written_is_waited_for(desk: Desk) -> None:
    call = await desk.over()
    with pytest.raises(TooEarly, match="last word"):
        await desk.logs.link(desk.caller, call.call_id)
    off = SipLogOperations(desk.store, desk.clock, Registry(), kept=False)
    with pytest.raises(NotFound, match="nothing was kept"):
        await off.link(desk.caller, call.call_id)
    desk.clock.advance(60)
    with pytest.raises(NotFound, match="nothing was kept"):
        await desk.logs.link(desk.caller, call.call_id)


async def test_other_calls_have_none(desk: Desk) -> None:
    client = await desk.over(sip={})
    with pytest.raises(NotFound, match="without SIP"):
        await desk.logs.link(desk.caller, client.call_id)
    with pytest.raises(NotFound, match="no such call"):
        await desk.logs.link(desk.caller, "nobody")
    other, key = await desk.store.create_account("other", "Other")
    call = await desk.over(b"x")
    with pytest.raises(NotFound, match="no such call"):
        await desk.logs.link(Caller(other, key.partition(".")[0]), call.call_id)


async def test_a_link_is_good_for_one_call_and_while_its_key_is(desk: Desk) -> None:
    call, other = await desk.over(b"x"), await desk.over(b"y")
    kept, key = await desk.store.create_key(
        desk.account.account_id, "second", creator="x", expires=None, read_only=True
    )
    token = await desk.logs.link(Caller(desk.account, kept.prefix), call.call_id)
    assert await desk.logs.follow(call.call_id, token) == b"x"
    with pytest.raises(Forbidden, match="another call"):
        await desk.logs.follow(other.call_id, token)
    await desk.store.revoke_key(desk.account.account_id, kept.prefix)
    with pytest.raises(Forbidden, match="expired"):
        await desk.logs.follow(call.call_id, token)
    await desk.store.delete_key(desk.account.account_id, kept.prefix)
    with pytest.raises(Forbidden, match="not a link"):
        await desk.logs.follow(call.call_id, token)
    assert key


async def test_with_the_call_goes_its_log_also_when_it_comes_late(desk: Desk) -> None:
    call = await desk.over(b"x")
    token = await desk.logs.link(desk.caller, call.call_id)
    await desk.store.delete_call(desk.account.account_id, call.call_id)
    desk.store.sip_log(SipLog(call.call_id, START + timedelta(seconds=9), b"late"))
    await desk.store.written()
    assert await desk.store.sip_logs(call.call_id) == []
    with pytest.raises(NotFound):
        await desk.logs.follow(call.call_id, token)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 200), letter=st.sampled_from("aZ09_-.~ä%"), other=st.text(max_size=500))
async def test_no_link_can_be_made_up(desk: Desk, place: int, letter: str, other: str) -> None:
    call = await desk.over(b"x")
    token = await desk.logs.link(desk.caller, call.call_id)
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    for made_up in (changed, other, "", ".", token.partition(".")[0] + "."):
        if made_up == token:
            continue
        try:
            text = await desk.logs.follow(call.call_id, made_up)
        except Forbidden:
            continue
        assert text == b"x"
        assert made_up.rstrip()[:-1] == token[:-1]  # the last letter of base64 has bits that say nothing
