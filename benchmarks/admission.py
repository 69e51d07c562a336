"""How long one decision takes: 20 patterns, 1,000 ranges, an INVITE with SDP from a source among the ranges.

Run as ``python -m benchmarks.admission``. Exits with 1 when the median is over the bound. The ratio to a fixed loop in
the same run tells a slower program from a slower machine.
"""

import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter_ns
from typing import Final

from callgate.core.admission.capacity import Capacity
from callgate.core.admission.decide import decide
from callgate.core.admission.policy import PolicySet, compile_policy
from callgate.core.sdp.negotiate import assess
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Verdict
from callgate.entities.sip_config import AgentAllowance, SipConfig

MEDIAN_US_MAX: Final = 25.0
_ROUNDS: Final = 20_000
_WARM_UP: Final = 2_000

_SDP: Final = (
    b"v=0\r\no=FreeSWITCH 1700000000 1700000001 IN IP4 198.51.100.20\r\ns=FreeSWITCH\r\n"
    b"c=IN IP4 198.51.100.20\r\nt=0 0\r\nm=audio 24680 RTP/AVP 9 0 8 101\r\na=rtpmap:9 G722/8000\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)


def _policies() -> PolicySet:
    agents = {
        agent_id: Agent(agent_id, "acc", f"agent {n}", datetime(2026, 1, 1, tzinfo=UTC), None, None)
        for n in range(20)
        for agent_id in [f"0b9c7a8e-0000-4000-8000-0000000000{n:02}"]
    }
    config = SipConfig(
        allowed_cidr_ranges=tuple(f"198.{18 + n // 250}.{n % 250}.0/25" for n in range(1_000)),
        allowed_agents=tuple(
            AgentAllowance(agent_id, f"^\\+1555{n:02}[0-9]{{4}}$") for n, agent_id in enumerate(agents)
        ),
    )
    policy = compile_policy(account_id="acc", domain="acme.calls.example", config=config, version=3, agents=agents)
    return PolicySet((policy,))


def _attempts(body: bytes) -> list[Attempt]:
    """As many different sources and users as a busy trunk has; the last rule matches, so that all are tried."""
    return [
        Attempt(
            source_address=f"198.{18 + n // 250 % 4}.{n % 250}.{n % 100}",
            source_port=5060,
            transport="udp",
            request_uri=f"sip:+155519{n % 10_000:04}@acme.calls.example:5060;user=phone",
            to_uri=f"sip:+155519{n % 10_000:04}@acme.calls.example",
            from_uri="sip:+4420794600@198.51.100.20",
            from_display_name="Alice",
            call_id=f"{n}@198.51.100.20",
            headers=tuple((f"X-Header-{n}", "value") for n in range(8)),
            content_type="application/sdp" if body else None,
            body=body,
        )
        for n in range(1_000)
    ]


def _times_us(work: Callable[[int], object]) -> list[float]:
    for n in range(_WARM_UP):
        work(n)
    times = []
    for n in range(_ROUNDS):
        start = perf_counter_ns()
        work(n)
        times.append((perf_counter_ns() - start) / 1_000)
    return times


def _reference(n: int) -> int:
    """A fixed amount of plain Python: some 100 dictionary and integer operations."""
    counts: dict[int, int] = {}
    for value in range(n, n + 100):
        counts[value & 15] = counts.get(value & 15, 0) + value
    return counts[0]


def main() -> int:
    """Measure, print, judge."""
    policies, capacity = _policies(), Capacity(calls=10, calls_max=500, sessions_free=400)
    reference = statistics.median(_times_us(_reference))
    print(f"reference loop              median {reference:6.2f} us")
    worst = 0.0
    for name, body in (("INVITE with SDP", _SDP), ("INVITE without SDP", b"")):
        attempts = _attempts(body)
        assert decide(attempts[7], policies, capacity).verdict is Verdict.ADMIT

        def work(n: int, attempts: list[Attempt] = attempts) -> object:
            return decide(attempts[n % 1_000], policies, capacity)

        times = sorted(_times_us(work))
        median, p99 = statistics.median(times), times[len(times) * 99 // 100]
        worst = max(worst, median)
        print(f"decide, {name:19} median {median:6.2f} us   p99 {p99:6.2f} us   {median / reference:5.2f} x reference")
    alone = statistics.median(_times_us(lambda n: assess(_SDP)))
    print(f"of that, reading the SDP    median {alone:6.2f} us   {alone / reference:5.2f} x reference")
    stranger = _attempts(b"")[0].__class__(
        "203.0.113.9", 5060, "udp", "sip:100@192.0.2.1", "sip:100@192.0.2.1", None, None, "c"
    )
    refused = statistics.median(_times_us(lambda n: decide(stranger, policies, capacity)))
    print(f"decide, a stranger          median {refused:6.2f} us   {refused / reference:5.2f} x reference")
    if worst > MEDIAN_US_MAX:
        print(f"over the bound of {MEDIAN_US_MAX} us")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
