"""For a refused call: what would have let it in, and what else that would let in."""

from collections.abc import Callable
from typing import Final

from callgate.core.admission.policy import PolicySet
from callgate.core.admission.recipe import recipe_of
from callgate.core.admission.replay import ReplayResult, past_of
from callgate.core.admission.suggest import Suggestion, suggest
from callgate.entities.account import Account
from callgate.entities.decision import Verdict
from callgate.entities.json import Json, JsonObject
from callgate.entities.sip_config import SipConfig
from callgate.operations.caller import Caller
from callgate.operations.errors import Conflict, NotFound
from callgate.operations.replay import agent_names
from callgate.operations.replay_jobs import ReplayFailed, ReplayJobs
from callgate.operations.replay_process import Order
from callgate.operations.sip_config import SipConfigOperations
from callgate.schema.errors import Invalid
from callgate.schema.rehearsal import Names, render_destination, render_example
from callgate.schema.sip_config import render_config
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store

RECORDS_MAX: Final = 10_000
"""The newest records that a suggestion is tried on: read and judged in about a second."""


class SuggestionOperations:
    """What an owner may ask about a refusal.

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

    async def of(self, caller: Caller, decision_id: str) -> JsonObject:
        """The smallest changes that would have let a refused call in, those first that let in the fewest others.

        Raises:
            NotFound: no such decision.
            Conflict: it was no refusal.
        """
        account = caller.account
        record = await self._store.get_decision(account.account_id, decision_id)
        if record is None:
            raise NotFound(f"no such decision: {decision_id[:60]}")
        if record.verdict not in (Verdict.REFUSE, Verdict.IGNORE):
            raise Conflict("the call was let in")
        names = agent_names(self._store, caller)
        live = self._store.snapshot.sip_config(account.account_id).config

        def compile(config: SipConfig) -> PolicySet:
            return self._drafted(account, config)

        past = past_of(record)
        advice = suggest(past, compile(live), account.account_id, names, compile)
        usable = [one for one in advice.suggestions if self._can_be_made(caller, live, one)]
        results = await self._tried(caller, live, usable, without=decision_id)
        ways = [_way(live, one, result, names) for one, result in zip(usable, results, strict=True)]
        ways.sort(key=lambda way: (way["alsoLetsIn"], way["reroutes"]))
        suggestions: list[Json] = list(ways)
        return {
            "decisionId": decision_id,
            "now": render_destination(advice.goes, names),
            "reason": advice.reason or None,
            "records": results[0].records if results else 0,
            "suggestions": suggestions,
        }

    def _can_be_made(self, caller: Caller, live: SipConfig, suggestion: Suggestion) -> bool:
        """Whether the PATCH would be taken: there are limits that only it knows."""
        try:
            return self._rules.drafted(caller, live, _patch(live, suggestion.config)) == suggestion.config
        except Invalid:
            return False

    async def _tried(
        self, caller: Caller, live: SipConfig, suggestions: list[Suggestion], *, without: str
    ) -> tuple[ReplayResult, ...]:
        if not suggestions:
            return ()
        account = caller.account
        recipes = [
            recipe_of(self._drafted(account, config), account.account_id)
            for config in (live, *(one.config for one in suggestions))
        ]
        query = self._store.past_query(account.account_id, None, None, rows_max=RECORDS_MAX)
        order = Order(query, recipes[0], tuple(recipes[1:]), against_live=True, without=without)
        try:
            return await self._jobs.replay(order)
        except ReplayFailed as failure:
            raise StoreUnavailable(str(failure)) from None


def _patch(live: SipConfig, config: SipConfig) -> JsonObject:
    """The PATCH that makes one of the other."""
    before = render_config(live)
    return {name: value for name, value in render_config(config).items() if value != before[name]}


def _way(live: SipConfig, suggestion: Suggestion, result: ReplayResult, names: Names) -> JsonObject:
    let_in = [move for move in result.moves if move.would_go.lets_in and not move.went.lets_in]
    rerouted = [move for move in result.moves if move.went.lets_in]
    return {
        "words": suggestion.words,
        "patch": _patch(live, suggestion.config),
        "to": render_destination(suggestion.goes, names),
        "alsoLetsIn": sum(move.count for move in let_in),
        "reroutes": sum(move.count for move in rerouted),
        "examples": [render_example(example) for move in (*let_in, *rerouted) for example in move.examples],
    }
