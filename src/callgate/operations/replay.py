"""A draft over the records of the past."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from callgate.core.admission.policy import PolicySet
from callgate.core.admission.recipe import Recipe, recipe_of
from callgate.entities.account import Account
from callgate.entities.json import Json, JsonObject
from callgate.entities.sip_config import SipConfig
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound
from callgate.operations.queries import read_date
from callgate.operations.replay_jobs import Job, ReplayJobs
from callgate.operations.replay_process import Order
from callgate.operations.sip_config import SipConfigOperations
from callgate.schema.errors import Invalid
from callgate.schema.replay import render_replay, validate_replay
from callgate.store.open import Store

# A client that waits is answered with the result itself when it is there this soon.
_ANSWER_S_MAX: Final = 2.0
# All that the largest setting of `decisions.rows_max` in use keeps.
_ROWS_MAX: Final = 10_000_000


class ReplayOperations:
    """What an owner may ask about the past.

    Args:
        store: keeps the records.
        rules: the operations on rules.
        drafted: the rules of all accounts, with one account's replaced by a draft.
        jobs: the replays of this node.
    """

    def __init__(
        self,
        store: Store,
        rules: SipConfigOperations,
        drafted: Callable[[Account, SipConfig], PolicySet],
        jobs: ReplayJobs,
    ) -> None:
        self._store = store
        self._rules = rules
        self._drafted = drafted
        self._jobs = jobs

    async def replay(self, caller: Caller, body: Json) -> JsonObject:
        """Begin, and wait a moment: the state says whether it is done.

        Raises:
            Invalid: with every mistake of body and draft.
            Full: another is running.
        """
        asked = validate_replay(body)
        at_from = read_date("fromDate", asked.from_date)
        at_until = read_date("toDate", asked.to_date, end=True)
        account = caller.account
        live = self._store.snapshot.sip_config(account.account_id).config
        try:
            draft = self._rules.drafted(caller, live, asked.patch)
        except Invalid as error:
            raise Invalid({"patch": error.errors}) from None
        query = self._store.past_query(account.account_id, at_from, at_until, rows_max=_ROWS_MAX)
        await self._store.written()  # what was decided a moment ago is past too
        order = Order(query, self._recipe(caller, live), (self._recipe(caller, draft),))
        job = self._jobs.start(account.account_id, order)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(job.over.wait(), _ANSWER_S_MAX)
        return self._rendered(caller, job)

    def get(self, caller: Caller, job_id: str) -> JsonObject:
        """How far a replay is, or what it found.

        Raises:
            NotFound: none of this account, or none any more.
        """
        return self._rendered(caller, self._job(caller, job_id))

    async def end(self, caller: Caller, job_id: str) -> None:
        """Stop a replay and forget it.

        Raises:
            NotFound: see `get`.
        """
        await self._jobs.end(self._job(caller, job_id))

    def _recipe(self, caller: Caller, config: SipConfig) -> Recipe:
        return recipe_of(self._drafted(caller.account, config), caller.account.account_id)

    def _job(self, caller: Caller, job_id: str) -> Job:
        job = self._jobs.find(caller.account.account_id, job_id)
        if job is None:
            raise NotFound(f"no such replay, or it was over long ago: {job_id[:60]}")
        return job

    def _rendered(self, caller: Caller, job: Job) -> JsonObject:
        return render_replay(
            job_id=job.job_id,
            began=job.began,
            config_version=job.order.live.version,
            records=job.records,
            total=job.total,
            result=job.result,
            failed=job.failed,
            names=agent_names(self._store, caller),
        )


def agent_names(store: Store, caller: Caller) -> Mapping[str, str]:
    """Names of the account's living agents, by id."""
    agents = store.snapshot.agents_of(caller.account.account_id)
    return {agent_id: agent.name for agent_id, agent in agents.items()}
