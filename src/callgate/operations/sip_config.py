"""The rules of an account: read, changed, restored."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from callgate.core.admission.lint import Finding, lint
from callgate.entities.account import Account
from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.sip_config import Safeguards, SipConfig, SipConfigVersion
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound, Outdated
from callgate.ports import Ids
from callgate.schema.errors import Invalid
from callgate.schema.fallback import apply_fallback, render_safeguards, validate_fallback
from callgate.schema.lint import header_of, render_findings
from callgate.schema.sip_config import apply_patch, render_config, render_version, validate_patch
from callgate.schema.start_call import CheckUrl
from callgate.store.errors import VersionConflict
from callgate.store.open import Store

# Some 400 ms that the answer to a change may take longer; rules that people wrote take a tenth of it.
_HEADER_PAUSES_MAX = 1_000
_SECRET_BYTES = 32  # as long as the output of HMAC-SHA256; more adds nothing


@dataclass(frozen=True, slots=True)
class Tagged:
    """The public configuration and its strong entity tag. RFC 9110 section 8.8.3 (ETag)."""

    body: JsonObject
    etag: str


class SipConfigOperations:
    """What an owner may ask about the rules."""

    def __init__(self, store: Store, ids: Ids, domain_of: Callable[[Account], str], check_url: CheckUrl) -> None:
        self._store = store
        self._ids = ids
        self._domain_of = domain_of
        self._check_url = check_url

    def get(self, caller: Caller) -> Tagged:
        """The rules in force."""
        return self._tagged(caller, self._store.snapshot.sip_config(caller.account.account_id))

    async def patch(self, caller: Caller, body: Json, if_match: Sequence[str] | None = None) -> Tagged:
        """Change what `body` names; in force when this returns.

        Args:
            caller: who asks.
            body: of the PATCH.
            if_match: the entity tags, one of which must be in force; ``*`` is any; ``None``: unconditional.

        Raises:
            Invalid: with every mistake; nothing is stored.
            Outdated: none of the tags is in force.
        """

        def edit(config: SipConfig) -> SipConfig:
            return self.drafted(caller, config, body)

        return self._tagged(caller, await self.change(caller, edit, if_match))

    async def change(
        self, caller: Caller, edit: Callable[[SipConfig], SipConfig], if_match: Sequence[str] | None
    ) -> SipConfigVersion:
        """Have `edit` make new rules from those in force; the version in force when this returns.

        Raises:
            Exception: whatever `edit` raises; nothing is stored.
            Outdated: see `patch`.
        """
        expected = self._expected(caller, if_match)
        try:
            return await self._store.change_sip_config(
                caller.account.account_id, caller.key_prefix, edit, expected_version=expected
            )
        except VersionConflict as conflict:
            raise self._outdated(conflict.current) from None

    def checked(self, caller: Caller, body: Json) -> JsonObject:
        """A PATCH that could be made, as public JSON.

        Raises:
            Invalid: with every mistake.
        """
        agents = self._store.snapshot.agents_of(caller.account.account_id)
        return validate_patch(body, agents=agents, check_url=self._check_url).given()

    def drafted(self, caller: Caller, config: SipConfig, body: Json) -> SipConfig:
        """The rules that a PATCH of `config` would make.

        Raises:
            Invalid: with every mistake.
        """
        agents = self._store.snapshot.agents_of(caller.account.account_id)
        patch = validate_patch(body, agents=agents, check_url=self._check_url)
        return apply_patch(config, patch, lambda: self._ids.token(_SECRET_BYTES))

    def safeguarded(self, caller: Caller, safeguards: Safeguards, body: Json) -> Safeguards:
        """The safeguards that a PATCH of `safeguards` would make.

        Raises:
            Invalid: with every mistake.
        """
        agents = self._store.snapshot.agents_of(caller.account.account_id)
        return apply_fallback(safeguards, validate_fallback(body, agents=agents, check_url=self._check_url))

    async def lint(self, caller: Caller) -> JsonObject:
        """What is odd about the rules in force."""
        version = self._store.snapshot.sip_config(caller.account.account_id)
        findings, _ = await self._findings(caller, version.config)
        return render_findings(version.number, findings)

    async def lint_header(self, caller: Caller) -> str:
        """The same in short, for the answer to a change; empty when it cannot be said, for the change stands."""
        config = self._store.snapshot.sip_config(caller.account.account_id).config
        try:
            return header_of(*await self._findings(caller, config, pauses_max=_HEADER_PAUSES_MAX))
        except Exception:  # a mistake of the linter must not look like a change that was refused
            return ""

    async def _findings(
        self, caller: Caller, config: SipConfig, pauses_max: int | None = None
    ) -> tuple[list[Finding], bool]:
        """What is odd about some rules, and whether that is all: with `pauses_max` it may not be."""
        agents = self._store.snapshot.agents_of(caller.account.account_id)
        findings: list[Finding] = []
        pauses = 0
        for finding in lint(config, {agent_id: agent.name for agent_id, agent in agents.items()}):
            if finding is not None:
                findings.append(finding)
                continue
            if pauses == pauses_max:
                return findings, False
            pauses += 1
            await asyncio.sleep(0)  # calls come in between
        return findings, True

    async def versions(self, caller: Caller, wanted: PageWanted) -> PageFound[Json]:
        """The history, newest first."""
        return (await self._store.sip_config_versions(caller.account.account_id, wanted)).each(render_version)

    async def version(self, caller: Caller, number: str) -> JsonObject:
        """One step of the history.

        Raises:
            NotFound: no such step.
        """
        return render_version(await self._version(caller, number), whole=True)

    async def restore(self, caller: Caller, number: str, if_match: Sequence[str] | None = None) -> Tagged:
        """Put the rules of a former version in force, its safeguards with them, as a new version.

        Raises:
            NotFound: no such step.
            Invalid: what it names is gone.
            Outdated: see `patch`.
        """
        former = (await self._version(caller, number)).config

        def edit(config: SipConfig) -> SipConfig:
            errors: JsonObject = {}
            safeguards = Safeguards()
            try:
                safeguards = self.safeguarded(caller, safeguards, render_safeguards(former.safeguards))
            except Invalid as error:
                errors["fallback"] = error.errors
            try:
                restored = self.drafted(caller, config, render_config(former))
            except Invalid as error:
                raise Invalid({**error.errors, **errors}) from None
            if errors:
                raise Invalid(errors)
            return replace(restored, safeguards=safeguards)

        return self._tagged(caller, await self.change(caller, edit, if_match))

    async def _version(self, caller: Caller, number: str) -> SipConfigVersion:
        found = None
        if number.isascii() and number.isdigit() and len(number) <= 9:
            found = await self._store.sip_config_version(caller.account.account_id, int(number))
        if found is None:
            raise NotFound(f"no such version: {number[:60]}")
        return found

    def _tagged(self, caller: Caller, version: SipConfigVersion) -> Tagged:
        return Tagged(render_config(version.config, self._domain_of(caller.account)), etag(version))

    def _expected(self, caller: Caller, if_match: Sequence[str] | None) -> int | None:
        if if_match is None or "*" in if_match:
            return None
        current = self._store.snapshot.sip_config(caller.account.account_id)
        if etag(current) not in if_match:
            raise self._outdated(current)
        return current.number

    @staticmethod
    def _outdated(current: SipConfigVersion) -> Outdated:
        return Outdated(f"the configuration has changed: the tag in force is {etag(current)}")


def etag(version: SipConfigVersion) -> str:
    """The strong entity tag of a version."""
    return f'"{version.number}"'
