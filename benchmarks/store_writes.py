"""What it costs to write calls down: CPU per call and the wait for each commit, at a steady pace.

A call is what it is in life: begun, joined and ended (each waited for), with messages and events in between.
"""

import argparse
import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from callgate.entities.call import Call, CallEvent, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.schema.call import render_call
from callgate.store.open import Store, open_store

_IDS = SystemIds()
_MESSAGES = 6
_EVENTS = 2


async def _call(store: Store, waits: list[float]) -> None:
    now = datetime.now(UTC)
    call = Call(
        call_id=_IDS.uuid(),
        account_id="account",
        agent_id="agent",
        agent_name="Demo",
        stage_id=_IDS.uuid(),
        created=now,
        settings={"systemPrompt": "You answer the telephone of a small shop. " * 10, "model": "ultravox-v0.7"},
        metadata={"ultravox.sip.caller_id": "+15550100"},
        request_context={"ultravox": {"sip": {"caller_id": "+15550100", "from_display_name": "Bob"}}},
        sip={"callId": _IDS.token(16), "source": "192.0.2.1:5060", "timings": {"ringingMs": 3.1}},
    )
    record = DecisionRecord(
        decision_id=_IDS.sortable(),
        account_id="account",
        at=now,
        source_address="192.0.2.1",
        source_port=5060,
        transport="udp",
        to_uri="sip:demo@example.org",
        request_uri="sip:demo@example.org",
        from_uri="sip:+15550100@example.com",
        sip_call_id=_IDS.token(16),
        verdict=Verdict.ADMIT,
        outcome=None,
        status=None,
        agent_id="agent",
        call_id=call.call_id,
        config_version=1,
        matched="to",
        trace=tuple(TraceEntry(step, "passed", (("address", "192.0.2.1"),)) for step in Step if step is not Step.NOISE),
        attempt={"headers": [["User-Agent", "a phone"]], "offer": "v=0\r\n" * 60},
    )

    def outbox(event: str) -> OutboxEvent:
        return OutboxEvent(_IDS.sortable(), "account", call.call_id, event, now, render_call(call))

    begun = time.perf_counter()
    await store.call_started(call, record, outbox("call.started"))
    waits.append(time.perf_counter() - begun)
    call = replace(call, joined=now + timedelta(seconds=1))
    begun = time.perf_counter()
    await store.call_joined(call, outbox("call.joined"))
    waits.append(time.perf_counter() - begun)
    for index in range(_MESSAGES):
        about: dict[str, Any] = {"stage_id": call.stage_id, "stage_index": index}
        store.message(
            Message(call.call_id, index, "MESSAGE_ROLE_USER", "hello there", "MESSAGE_MEDIUM_VOICE", now, **about)
        )
    for _ in range(_EVENTS):
        store.call_event(CallEvent(call.call_id, call.stage_id, now, 1.0, "info", "sound_negotiated", "words", {}))
    await asyncio.sleep(0.5)
    call = replace(call, ended=now + timedelta(seconds=9), end_reason="hangup", outcome="caller-hangup")
    begun = time.perf_counter()
    await store.call_ended(call, outbox("call.ended"))
    waits.append(time.perf_counter() - begun)


async def _run(rate: float, seconds: float) -> None:
    with TemporaryDirectory() as folder:
        store = await open_store(Path(folder) / "callgate.db", clock=SystemClock(), ids=_IDS)
        waits: list[float] = []
        calls = int(rate * seconds)
        cpu, begun = time.process_time(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(calls):
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                group.create_task(_call(store, waits))
        cpu = time.process_time() - cpu
        await store.close()
        waits.sort()
        print(
            f"{rate:g} calls/s: {cpu / calls * 1000:.2f} ms of CPU per call, "
            f"commit p50 {waits[len(waits) // 2] * 1000:.1f} ms, "
            f"p99 {waits[int(len(waits) * 0.99)] * 1000:.1f} ms, worst {waits[-1] * 1000:.1f} ms"
        )


def main() -> None:
    """Run at each pace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 20, 150])
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    for rate in arguments.rates:
        uvloop.run(_run(rate, arguments.seconds))


if __name__ == "__main__":
    main()
