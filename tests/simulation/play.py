"""One simulated call from the first INVITE to silence, and what has to be true of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from callgate.runtime.tasks import TaskOwner
from callgate.testing.clock import ManualClock
from callgate.testing.network import Impairment, Network
from tests.signaling.wire import ScriptedCalls
from tests.simulation.ether import Ether, EtherEndpoint, ReferringEndpoint, Way
from tests.simulation.sides import CalledSide, CallingSide, Happened, Plan, describe, plan_of

T1_S = 0.5
# A call lasts 90 s at most, what it leaves behind 64·T1 longer; re-INVITEs are waited for twice as long as that.
LONGEST_S = 400.0
SILENCE_S = 600.0


class SeededIds:
    """`ports.Ids` that are the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)

    def uuid(self) -> str:
        """Not used by SIP."""
        raise NotImplementedError

    def sortable(self) -> str:
        """Not used by SIP."""
        raise NotImplementedError

    def token(self, size: int = 16) -> str:
        """A token."""
        return self._chance.randbytes(size).hex()

    def number(self, below: int) -> int:
        """A number from 0 up to, but not, `below`."""
        return self._chance.randrange(below)


@dataclass
class Story:
    """What happened.

    Attributes:
        title: names it, so that it can be told again.
        plan: what the two meant to do.
        caller: one side.
        callees: the other; several only when something is wrong.
        log: every datagram.
        warnings: what the endpoints complained of.
        notified: what the caller was told of each of its REFERs.
        busy: what each endpoint had left when all timers had run out.
        under_way: datagrams that had not arrived then.
        sent: how many had been sent by then, and how many after a further silence.
    """

    title: str
    plan: Plan
    caller: CallingSide
    callees: list[CalledSide]
    log: list[str]
    warnings: list[str]
    notified: list[list[tuple[int, bool]]]
    busy: list[tuple[int, int, int]] = field(default_factory=list)
    under_way: int = 0
    sent: tuple[int, int] = (0, 0)

    @property
    def both(self) -> list[Happened]:
        """What became of the call on each side that knew of it."""
        return [self.caller.did, *(callee.did for callee in self.callees)]

    def wrong(self) -> list[str]:
        """What should not be; empty when all is well."""
        found = list(self.warnings)
        if self.busy != [(0, 0, 0), (0, 0, 0)]:
            found.append(f"left over: {self.busy}")
        if self.under_way or self.sent[0] != self.sent[1]:
            found.append(f"messages after the end: {self.under_way} under way, {self.sent[1] - self.sent[0]} sent")
        if len(self.callees) > 1:
            found.append(f"{len(self.callees)} calls of one INVITE")
        if len(self.caller.ends) != 1:
            found.append(f"the caller's call ended {len(self.caller.ends)} times: {self.caller.ends}")
        for callee in self.callees:
            if len(callee.did.ends) != 1 or not callee.did.ends[0]:
                found.append(f"the callee's call ended {len(callee.did.ends)} times: {callee.did.ends}")
        for told in self.notified:
            statuses = [status for status, _ in told]
            if statuses != sorted(set(statuses)) or any(last != (status >= 200) for status, last in told):
                found.append(f"notified out of order: {told}")
        for did in self.both:
            if did.too_late:
                found.append(f"told after the end: {did.too_late}")
        return found

    def told(self) -> str:
        """The story in words."""
        return "\n".join([self.title, f"plan: {describe(self.plan)}", *self.log, *self.wrong()])


async def play(
    title: str, plan: Plan, outward: Way, homeward: Way, transport: str = "udp", cuts: Sequence[float] = ()
) -> Story:
    """Play a call.

    Args:
        title: of the story; also the seed of tags and branches.
        plan: what the two mean to do.
        outward: what becomes of the caller's datagrams.
        homeward: of the callee's.
        transport: ``udp`` or ``tcp``.
        cuts: when all connections break.
    """
    clock = ManualClock()
    ether = Ether(clock)
    warnings: list[str] = []
    callees: list[CalledSide] = []
    calls = ScriptedCalls()
    tasks = TaskOwner(lambda name, error: warnings.append(f"{name}: {error!r}"))
    caller_end, callee_end = (
        kind(
            ether,
            calls=taken,
            refers=True,
            admits_source=lambda address: True,
            draining=lambda: False,
            clock=clock,
            alarms=clock,
            ids=SeededIds(f"{title} {name}"),
            tasks=tasks,
            user_agent=f"Callgate/{name}",
            t1_s=T1_S,
            warn=warnings.append,
        )
        for kind, name, taken in ((ReferringEndpoint, "caller", None), (EtherEndpoint, "callee", calls))
    )
    assert isinstance(caller_end, ReferringEndpoint)
    ends = caller_end, callee_end
    calls.begin = lambda leg: callees.append(CalledSide(leg, callee_end, clock, plan))
    await caller_end.join(outward)
    await callee_end.join(homeward)
    try:
        caller = CallingSide(caller_end, clock, plan)
        for at in cuts:
            clock.after(at, ether.cut)
        await caller.dial(f"sip:agent@127.0.0.1:{callee_end.port}", transport)
        clock.advance(LONGEST_S)
        story = Story(title, plan, caller, callees, ether.log, warnings, list(caller_end.notified.values()))
        story.busy, story.under_way = [end.busy for end in ends], ether.under_way
        sent = len(ether.log)
        clock.advance(SILENCE_S)
        story.sent = (sent, len(ether.log))
        return story
    finally:
        for end in ends:
            end.close()
        await tasks.close()


class Outage:
    """A way on which nothing arrives for a while, as when a phone changes networks or a router starts anew.

    Args:
        way: what it is otherwise.
        begins_s: since the beginning.
        lasts_s: 0: there is none.
    """

    def __init__(self, way: Network, begins_s: float, lasts_s: float) -> None:
        self.way = way
        self._from_s = ManualClock().monotonic() + begins_s
        self._until_s = self._from_s + lasts_s

    def arrivals(self, at_s: float) -> tuple[float, ...]:
        """When a datagram arrives."""
        return () if self._from_s <= at_s < self._until_s else self.way.arrivals(at_s)


async def play_seed(seed: int, transport: str = "udp") -> tuple[Story, Network, Network]:
    """Play the call of a seed, over the network of that seed."""
    chance = random.Random(f"network {seed}")
    worst = chance.choice((0.0, 0.15, 0.3, 0.3))
    impairment = Impairment(
        loss=chance.uniform(0, worst),
        burst=chance.choice((1.0, 1.0, 3.0)),
        jitter_s=chance.choice((0.0, 0.05, 0.8)),
        reordered=chance.uniform(0, worst),
        duplicated=chance.uniform(0, worst),
    )
    outage = chance.uniform(0, 20), chance.choice((0.0, 0.0, 0.0, 3.0, 40.0))
    ways = [Outage(Network(impairment, 2 * seed + side), *outage) for side in (0, 1)]
    if chance.random() < 0.5:  # in one direction only: a firewall that has forgotten
        ways[chance.randrange(2)] = Outage(Network(impairment, 2 * seed + 2), 0.0, 0.0)
    outward, homeward = ways
    cuts = [chance.uniform(0, 20) for _ in range(chance.choice((0, 1, 1, 2)))] if transport == "tcp" else []
    story = await play(f"seed {seed}, {transport}", plan_of(seed), outward, homeward, transport, cuts)
    return story, outward.way, homeward.way
