"""What is done when the fallback handler fails: read, changed, counted, tried."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from callgate.core.admission.question import question_body
from callgate.entities.account import Account
from callgate.entities.json import Json, JsonObject
from callgate.entities.sip_config import SipConfig, SipConfigVersion
from callgate.operations.caller import Caller
from callgate.operations.decisions import imagined, render_verdict
from callgate.operations.sip_config import SipConfigOperations, Tagged, etag
from callgate.ports import Handlers, Ids, Question
from callgate.schema.errors import invalid
from callgate.schema.evaluate import ImaginedAttempt
from callgate.schema.fallback import (
    render_breaker,
    render_exchange,
    render_safeguards,
    render_statistics,
    validate_fallback_test,
)
from callgate.store.open import Store

_WHICH: Final = ("first", "second")
# From an address that is nobody's, to a user that no number plan has.
_SAMPLE: Final = ImaginedAttempt.model_validate({"sourceAddress": "192.0.2.1", "toUri": "test", "fromUri": "test"})


class FallbackOperations:
    """What an owner may ask about safeguards and handlers.

    Args:
        store: what is kept.
        ids: names for samples.
        rules: the operations on rules, whose history the safeguards share.
        domain_of: an account's SIP domain.
        handlers: how they fare on this node; ``None``: it asks none.
    """

    def __init__(
        self,
        store: Store,
        ids: Ids,
        rules: SipConfigOperations,
        domain_of: Callable[[Account], str],
        handlers: Handlers | None,
    ) -> None:
        self._store = store
        self._ids = ids
        self._rules = rules
        self._domain_of = domain_of
        self._handlers = handlers

    def get(self, caller: Caller) -> Tagged:
        """The safeguards in force, and where the breakers stand."""
        return self._tagged(self._store.snapshot.sip_config(caller.account.account_id))

    async def patch(self, caller: Caller, body: Json, if_match: Sequence[str] | None = None) -> Tagged:
        """Change what `body` names; in force when this returns.

        Raises:
            Invalid: with every mistake; nothing is stored.
            Outdated: none of the tags is in force.
        """

        def edit(config: SipConfig) -> SipConfig:
            changed = replace(config, safeguards=self._rules.safeguarded(caller, config.safeguards, body))
            handler, second = changed.fallback_handler, changed.safeguards.second_url
            if handler is not None and second == handler.url:
                raise invalid("secondUrl", "is the url of `fallbackHandler`; expected another one")
            return changed

        return self._tagged(await self._rules.change(caller, edit, if_match))

    def statistics(self, caller: Caller) -> JsonObject:
        """What calls have had of each handler, on this node."""
        config = self._store.snapshot.sip_config(caller.account.account_id).config
        terms, found = config.safeguards.breaker, []
        if self._handlers is not None:
            for which, url in zip(_WHICH, config.handler_urls, strict=False):
                statistics = self._handlers.statistics(caller.account.account_id, url, terms)
                found.append({"which": which, "url": url, **render_statistics(statistics)})
        return {"handlers": list[Json](found)}

    async def test(self, caller: Caller, body: Json) -> JsonObject:
        """Send a handler a signed sample, and show what it said and what a call would make of it.

        No call comes of it, and neither breaker nor statistics know of it.

        Raises:
            Invalid: with every mistake; there is no such handler.
        """
        asked = validate_fallback_test(body)
        config = self._store.snapshot.sip_config(caller.account.account_id).config
        handler, position = config.fallback_handler, _WHICH.index(asked.which)
        if handler is None or self._handlers is None:
            raise invalid("which", "no fallback handler is set")
        if position >= len(config.handler_urls):
            raise invalid("which", "no second handler is set")
        url = config.handler_urls[position]
        attempt = imagined(asked.attempt or _SAMPLE, caller.account, self._domain_of(caller.account))
        question = Question(
            decision_id=self._ids.sortable(),
            account_id=caller.account.account_id,
            handler=handler,
            body=question_body(attempt),
            request_uri=attempt.request_uri,
            rehearsed=True,
        )
        exchange, answer = await self._handlers.sample(question, url)
        return {
            "decisionId": question.decision_id,
            "which": asked.which,
            **render_exchange(url, exchange),
            "verdict": render_verdict(answer),
        }

    def _tagged(self, version: SipConfigVersion) -> Tagged:
        config, terms = version.config, version.config.safeguards.breaker
        handlers: list[Json] = []
        for which, url in zip(_WHICH, config.handler_urls, strict=False):
            health = None if self._handlers is None else self._handlers.breaker(version.account_id, url, terms)
            handlers.append({"which": which, "url": url, "breaker": render_breaker(health)})
        return Tagged({**render_safeguards(config.safeguards), "handlers": handlers}, etag(version))
