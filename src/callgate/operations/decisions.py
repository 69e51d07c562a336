"""Why calls went where they went: the records of INVITEs, and imagined INVITEs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from callgate.core.admission.evaluate import evaluate, imagine
from callgate.core.admission.policy import PolicySet
from callgate.core.admission.question import question_body
from callgate.entities.account import Account
from callgate.entities.attempt import Attempt, Proof
from callgate.entities.decision import Verdict
from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.sip_config import SipConfig
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound
from callgate.operations.queries import read_date
from callgate.operations.sip_config import SipConfigOperations
from callgate.ports import DecisionHook, Ids, Question, Rejection, StartCall
from callgate.schema.decision import render_decision, render_evaluation
from callgate.schema.errors import Invalid, invalid, shown
from callgate.schema.evaluate import ImaginedAttempt, validate_evaluate
from callgate.store.decisions import DecisionFilter
from callgate.store.open import Store


@dataclass(frozen=True, slots=True)
class DecisionQuery:
    """A list's filters as they came, text; ``None``: does not matter."""

    verdict: str | None = None
    outcome: str | None = None
    source_address: str | None = None
    agent_id: str | None = None
    call_id: str | None = None
    from_date: str | None = None
    to_date: str | None = None


class DecisionOperations:
    """What an owner may ask about decisions.

    Args:
        store: keeps the records.
        ids: names for questions to the handler.
        rules: the operations on rules.
        domain_of: an account's SIP domain.
        drafted: the rules of all accounts, with one account's replaced by a draft.
        hook: asks the fallback handler; ``None``: cannot be asked.
    """

    def __init__(
        self,
        store: Store,
        ids: Ids,
        rules: SipConfigOperations,
        domain_of: Callable[[Account], str],
        drafted: Callable[[Account, SipConfig], PolicySet],
        hook: DecisionHook | None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._rules = rules
        self._domain_of = domain_of
        self._drafted = drafted
        self._hook = hook

    async def find(self, caller: Caller, query: DecisionQuery, wanted: PageWanted) -> PageFound[Json]:
        """Records, newest first.

        Raises:
            Invalid: a filter that cannot be read.
        """
        if query.verdict is not None and query.verdict not in tuple(Verdict):
            raise invalid("verdict", f"expected one of {', '.join(Verdict)}: {shown(query.verdict)}")
        filter = DecisionFilter(
            verdict=query.verdict,
            outcome=query.outcome,
            source=query.source_address,
            agent_id=query.agent_id,
            call_id=query.call_id,
            at_from=read_date("fromDate", query.from_date),
            at_until=read_date("toDate", query.to_date, end=True),
        )
        found = await self._store.list_decisions(caller.account.account_id, wanted, filter)
        return found.each(render_decision)

    async def get(self, caller: Caller, decision_id: str) -> JsonObject:
        """One record.

        Raises:
            NotFound: none that this account may see.
        """
        record = await self._store.get_decision(caller.account.account_id, decision_id)
        if record is None:
            raise NotFound(f"no such decision: {decision_id[:60]}")
        return render_decision(record)

    async def evaluate(self, caller: Caller, body: Json) -> JsonObject:
        """What would come of an imagined INVITE, under the rules in force or with a draft PATCH.

        Raises:
            Invalid: with every mistake of body and draft.
        """
        asked = validate_evaluate(body)
        config = self._store.snapshot.sip_config(caller.account.account_id).config
        if asked.patch is not None:
            try:
                config = self._rules.drafted(caller, config, asked.patch)
            except Invalid as error:
                raise Invalid({"patch": error.errors}) from None
        attempt = imagined(asked.attempt, caller.account, self._domain_of(caller.account))
        evaluation = evaluate(attempt, self._drafted(caller.account, config))
        decision = evaluation.decision
        if decision.account_id not in (None, caller.account.account_id):
            raise Invalid({"attempt": {"requestUri": ["names a host that is not your account's domain"]}})
        rendered = render_evaluation(decision, evaluation.summary, evaluation.words)
        if asked.ask_handler and decision.verdict is Verdict.ASK:
            rendered["handler"] = await self._asked(caller, config, attempt)
        return rendered

    async def _asked(self, caller: Caller, config: SipConfig, attempt: Attempt) -> JsonObject | None:
        handler = config.fallback_handler
        if self._hook is None or handler is None:
            return None
        answer = await self._hook.ask(
            Question(
                decision_id=self._ids.sortable(),
                account_id=caller.account.account_id,
                handler=handler,
                body=question_body(attempt),
                request_uri=attempt.request_uri,
                safeguards=config.safeguards,
                rehearsed=True,
            )
        )
        earlier: list[Json] = list(answer.before)
        return {**render_verdict(answer), "exchange": answer.exchange, "earlier": earlier}


def imagined(given: ImaginedAttempt, account: Account, domain: str) -> Attempt:
    """The INVITE that somebody imagines to come to an account, whose SIP domain is `domain`."""
    attempt = imagine(
        source_address=given.source_address,
        to=given.to_uri,
        domain=domain,
        request_uri=given.request_uri,
        from_uri=given.from_uri,
        from_display_name=given.from_display_name,
        transport=given.transport,
        headers=tuple((given.headers or {}).items()),
        sdp=given.sdp,
    )
    if given.caller_username is None:
        return attempt
    return replace(attempt, proof=Proof("proved", given.caller_username, account.account_id))


def render_verdict(answer: StartCall | Rejection) -> JsonObject:
    """What would become of a call by what its handlers said."""
    if isinstance(answer, Rejection):
        return {"outcome": answer.outcome, "status": answer.status, "reason": answer.reason}
    return {"agentId": answer.agent_id, "body": answer.body}
