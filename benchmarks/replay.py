"""How long a draft takes over 100,000 records, and what calls notice of it meanwhile.

Calls are written down at a steady pace throughout. The longest stall of the event loop and the waits for commits are
measured before and during the replay, in the same run. As a ratio: the time of the replay to that of deciding the same
attempts, without their offers, in a bare loop.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import uvloop

from callgate.calls.records import record_of
from callgate.core.admission.capacity import ROOM
from callgate.core.admission.decide import decide
from callgate.core.admission.policy import PolicySet, compile_policy
from callgate.core.admission.recipe import recipe_of
from callgate.core.admission.replay import ReplayResult
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call, OutboxEvent
from callgate.entities.sip_config import AgentAllowance, SipConfig
from callgate.operations.replay_jobs import ReplayJobs
from callgate.operations.replay_process import Order
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.store.open import Store, open_store

REPLAY_S_MAX: Final = 5.0
_IDS: Final = SystemIds()
_WRITTEN_AT_A_TIME: Final = 2_000
_IDLE_S: Final = 4.0
_CALLS_PER_S: Final = 20
_TICK_S: Final = 0.001

_SDP: Final = (
    b"v=0\r\no=FreeSWITCH 1700000000 1700000001 IN IP4 198.51.100.20\r\ns=FreeSWITCH\r\n"
    b"c=IN IP4 198.51.100.20\r\nt=0 0\r\nm=audio 24680 RTP/AVP 9 0 8 101\r\na=rtpmap:9 G722/8000\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)


@dataclass
class Felt:
    """What calls notice, in seconds."""

    stalls: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)

    def words(self) -> str:
        """In a line."""
        stalls, commits = sorted(self.stalls), sorted(self.commits)
        return (
            f"longest stall of the loop {stalls[-1] * 1000:5.1f} ms (99 of 100 under "
            f"{stalls[len(stalls) * 99 // 100] * 1000:.1f}), commits of calls p50 "
            f"{commits[len(commits) // 2] * 1000:.1f} ms, worst {commits[-1] * 1000:.1f} ms"
        )


def _policies(account_id: str, areas: range) -> PolicySet:
    """A rule and an agent for each area."""
    ids = {area: f"0b9c7a8e-0000-4000-8000-0000000000{area:02}" for area in areas}
    agents = {
        one: Agent(one, account_id, one[-2:], datetime(2026, 1, 1, tzinfo=UTC), None, None) for one in ids.values()
    }
    config = SipConfig(
        allowed_cidr_ranges=tuple(f"198.{18 + n // 250}.{n % 250}.0/25" for n in range(1_000)),
        allowed_agents=tuple(AgentAllowance(ids[area], f"^\\+1555{area:02}[0-9]{{4}}$") for area in areas),
    )
    policy = compile_policy(account_id=account_id, domain="acme.calls.example", config=config, version=3, agents=agents)
    return PolicySet((policy,))


def _attempt(n: int, distinct: bool) -> Attempt:
    """Ten thousand numbers, called from two thousand sources; a fifth dials nobody. Or else no two alike."""
    user = f"+1555{n % 25:02}{n % 10_000:04}"
    extra = f";n={n}" if distinct else ""
    return Attempt(
        source_address=f"198.{18 + n // 250 % 4}.{n % 250}.{n % 100}",
        source_port=5060,
        transport="udp",
        request_uri=f"sip:{user}@acme.calls.example:5060;user=phone{extra}",
        to_uri=f"sip:{user}@acme.calls.example",
        from_uri="sip:+4420794600@198.51.100.20",
        from_display_name="Alice",
        call_id=f"{n}@198.51.100.20",
        headers=tuple((f"X-Header-{m}", "value") for m in range(8)),
        content_type="application/sdp",
        body=_SDP,
    )


async def _fill(store: Store, records: int, policies: PolicySet, distinct: bool) -> None:
    """Records as live calls leave them, over the last day."""
    begun = datetime.now(UTC) - timedelta(days=1)
    for n in range(records):
        attempt = _attempt(n, distinct)
        at = begun + timedelta(days=1) * n / records
        store.decision(record_of(attempt, decide(attempt, policies, ROOM), decision_id=_IDS.sortable(), at=at))
        if n % _WRITTEN_AT_A_TIME == 0:
            await store.written()
    await store.written()
    await store.checkpoint()


@contextlib.asynccontextmanager
async def _feeling(store: Store, account_id: str) -> AsyncIterator[Felt]:
    """Measure what calls notice while the block lasts."""
    felt = Felt()
    loop = asyncio.get_running_loop()

    async def tick() -> None:
        while True:
            due = loop.time() + _TICK_S
            await asyncio.sleep(_TICK_S)
            felt.stalls.append(max(0.0, loop.time() - due))

    async def write() -> None:
        while True:
            await asyncio.sleep(1 / _CALLS_PER_S)
            now = datetime.now(UTC)
            call = Call(_IDS.uuid(), account_id, None, None, _IDS.uuid(), now, {"systemPrompt": "be brief"}, {}, {})
            event = OutboxEvent(_IDS.sortable(), account_id, call.call_id, "call.started", now, {})
            begun = time.perf_counter()
            await store.call_started(call, None, event)
            felt.commits.append(time.perf_counter() - begun)

    tasks = [asyncio.create_task(tick()), asyncio.create_task(write())]
    try:
        yield felt
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(records: int, distinct: bool) -> bool:
    with TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "callgate.db", clock=SystemClock(), ids=_IDS)
        account, _ = await store.create_account("acme", "Acme")
        live, draft = (_policies(account.account_id, agents) for agents in (range(20), range(5, 25)))
        await _fill(store, records, live, distinct)
        jobs = ReplayJobs(SystemClock(), _IDS, TaskOwner(lambda name, error: None))
        order = Order(
            store.past_query(account.account_id, None, None, rows_max=10_000_000),
            recipe_of(live, account.account_id),
            (recipe_of(draft, account.account_id),),
        )
        async with _feeling(store, account.account_id) as before:
            await asyncio.sleep(_IDLE_S)
        async with _feeling(store, account.account_id) as during:
            begun = time.perf_counter()
            (result,) = await jobs.replay(order)
            took_s = time.perf_counter() - begun
        await store.close()
    bare_s = _bare(records, draft, distinct)
    _print(result, took_s, bare_s)
    print(f"before: {before.words()}")
    print(f"during: {during.words()}")
    return took_s <= REPLAY_S_MAX * records / 100_000


def _bare(records: int, policies: PolicySet, distinct: bool) -> float:
    """Seconds to decide the same attempts in a loop that does nothing else."""
    attempts = [replace(_attempt(n, distinct), body=b"", content_type=None, headers=()) for n in range(records)]
    begun = time.perf_counter()
    for attempt in attempts:
        decide(attempt, policies, ROOM)
    return time.perf_counter() - begun


def _print(result: ReplayResult, took_s: float, bare_s: float) -> None:
    print(
        f"{result.records} records in {took_s:.2f} s, process and all: {took_s / bare_s:.2f} times the {bare_s:.2f} s "
        f"that deciding alone takes; {result.changed} would have gone elsewhere"
    )


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--distinct", action="store_true", help="no two calls alike: nothing can be remembered")
    arguments = parser.parse_args()
    fast_enough = uvloop.run(_run(arguments.records, arguments.distinct))
    if not fast_enough:
        print(f"over the bound of {REPLAY_S_MAX} s for 100,000 records")
    return 0 if fast_enough else 1


if __name__ == "__main__":
    sys.exit(main())
