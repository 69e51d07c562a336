"""Calls that the API is asked for: committed, and joined by a client over a WebSocket, or by whom we call."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from callgate.calls.client_leg import ClientLeg
from callgate.calls.origin import Requested
from callgate.calls.outgoing import OutgoingCalls, wanted_of
from callgate.calls.registry import Registry
from callgate.calls.runner import CallRunner
from callgate.calls.surroundings import Surroundings
from callgate.core.admission.decide import agent_shortage
from callgate.entities.account import AccountLimits
from callgate.entities.agent import Agent
from callgate.entities.call import Call
from callgate.entities.json import JsonObject
from callgate.ports import ClientSession, NoRoom

_NOT_AWAITED: Final = 4404  # the public service closes with 4000 and a status of HTTP


class Joining:
    """Makes such calls and brings their clients to them. Implements `ports.RequestedCalls`.

    Args:
        registry: the calls in progress.
        around: what every runner needs.
        calls_max: at a time on this node.
        limits_of: the limits in force of an account, by its id.
        draining: whether no new calls are taken.
        join_url: where the client of a call joins it.
        outgoing: places calls; ``None``: none is placed.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        around: Surroundings,
        calls_max: int,
        limits_of: Callable[[str], AccountLimits],
        draining: Callable[[], bool],
        join_url: Callable[[str], str],
        outgoing: OutgoingCalls | None = None,
    ) -> None:
        self._registry = registry
        self._around = around
        self._calls_max = calls_max
        self._limits_of = limits_of
        self._draining = draining
        self._join_url = join_url
        self._outgoing = outgoing

    def cannot_call(self, to: str) -> str | None:
        """Why a SIP URI cannot be called, in words; ``None`` when it can."""
        if self._outgoing is None:
            return "outgoing SIP is not offered on this node; `sip.outgoing` turns it on"
        return self._outgoing.refusal(to)

    async def request(self, account_id: str, agent: Agent | None, body: JsonObject) -> Call:
        """Make a call and wait until it is committed."""
        self._check_room(account_id, agent)
        around = self._around
        wanted, body = wanted_of(body)
        call = around.maker.make_requested(
            account_id=account_id,
            agent=agent,
            body=body,
            tools=around.snapshot.tools_of(account_id),
            now=around.clock.now(),
        )
        if wanted is not None and self._outgoing is not None:
            return await self._outgoing.place(call, wanted)
        call = replace(call, join_url=self._join_url(call.call_id))
        runner = CallRunner(Requested(call), around, self._registry.leave)
        self._registry.enter(runner)
        return await runner.request()

    def knocked(self, call_id: str, session: ClientSession) -> None:
        """A client wants to join a call."""
        runner = self._registry.find(call_id)
        leg = ClientLeg(session, self._around.alarms)
        if runner is None or not runner.meet(leg, session):
            session.dismiss(_NOT_AWAITED, "no such call waits for a client: it has been joined, is over, or never was")
            session.close()

    def _check_room(self, account_id: str, agent: Agent | None) -> None:
        wait_s, limits = self._around.retry_after_s, self._limits_of(account_id)
        if self._draining():
            raise NoRoom("the node is shutting down", 503, wait_s)
        if len(self._registry) >= self._calls_max:
            raise NoRoom(f"the node carries {self._calls_max} calls, as many as it may", 503, wait_s)
        limit = limits.calls_max
        if limit and self._registry.of_account(account_id) >= limit:
            raise NoRoom(f"the account has {limit} calls, as many as it may", 429, wait_s)
        if agent is not None:
            shortage = agent_shortage(self._registry.of_agent(agent.agent_id), limits.agent_calls_max or 0)
            if shortage is not None:
                raise NoRoom(shortage, 429, wait_s)
