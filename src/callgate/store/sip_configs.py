"""Configurations and their history. A change is made against what is in force at that moment, never against a copy."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.sip_config import SipConfig, SipConfigVersion
from callgate.store.base import StorePart
from callgate.store.errors import VersionConflict
from callgate.store.pages import Order
from callgate.store.rows import config_json, version_of, version_row
from callgate.store.tables import sip_config_versions


class SipConfigStore(StorePart):
    """The verbs on configurations."""

    async def change_sip_config(
        self,
        account_id: str,
        changed_by: str,
        edit: Callable[[SipConfig], SipConfig],
        expected_version: int | None = None,
    ) -> SipConfigVersion:
        """Change an account's rules; in force, and committed, when this returns.

        Args:
            account_id: whose.
            changed_by: prefix of the key, or a word.
            edit: makes the new rules from those in force; whatever it raises ends the change and comes out here.
            expected_version: the change is for this version only.

        Returns:
            The version in force: the one before, when nothing changed.

        Raises:
            VersionConflict: another version is in force.
            StoreUnavailable: it could not be written; nothing changed.
        """

        async def work(connection: AsyncConnection) -> SipConfigVersion:
            current = self.snapshot.sip_config(account_id)
            if expected_version is not None and current.number != expected_version:
                raise VersionConflict(current)
            config = edit(current.config)
            if config == current.config:
                return current
            version = self._next(current, config, changed_by)
            await connection.execute(insert(sip_config_versions), [version_row(version)])
            return version

        def committed(version: SipConfigVersion) -> None:
            if version is not self.snapshot.sip_config(account_id):
                self.snapshot.swap(self.snapshot.now.with_sip_config(version), account_id)

        return await self._change(account_id, work, committed)

    async def sip_config_versions(self, account_id: str, wanted: PageWanted) -> PageFound[SipConfigVersion]:
        """The history, newest first.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        table = sip_config_versions
        newest_first = Order(table.c.number, descending=True)
        found = await self._page(select(table).where(table.c.account_id == account_id), newest_first, wanted)
        return found.each(version_of)

    async def sip_config_version(self, account_id: str, number: int) -> SipConfigVersion | None:
        """One step of the history."""
        table = sip_config_versions
        row = await self._one(select(table).where(table.c.account_id == account_id, table.c.number == number))
        return None if row is None else version_of(row)

    def _next(self, current: SipConfigVersion, config: SipConfig, changed_by: str) -> SipConfigVersion:
        return SipConfigVersion(
            current.account_id,
            current.number + 1,
            self._clock.now(),
            changed_by,
            config,
            difference_of(current.config, config),
        )


def without_agent(config: SipConfig, agent_id: str) -> SipConfig:
    """The rules once an agent is gone: nothing names it any more."""
    kept = tuple(entry for entry in config.allowed_agents if entry.agent_id != agent_id)
    safeguards = config.safeguards
    if safeguards.agent_on_failure == agent_id:
        safeguards = replace(safeguards, agent_on_failure=None)
    return replace(config, allowed_agents=kept, safeguards=safeguards)


def difference_of(before: SipConfig, after: SipConfig) -> JsonObject:
    """Per public field that changed its ``from`` and ``to``; secrets appear as "changed" only."""
    old, new = config_json(before), config_json(after)
    difference: JsonObject = {}
    for name in new:
        if old[name] != new[name]:
            difference[name] = {"from": _shown(name, old[name]), "to": _shown(name, new[name])}
    old_handler, new_handler = before.fallback_handler, after.fallback_handler
    if old_handler and new_handler and old_handler.secrets != new_handler.secrets:
        entry = difference["fallbackHandler"]
        assert isinstance(entry, dict)
        assert isinstance(entry["to"], dict)
        entry["to"]["secrets"] = "changed"
    return difference


def _shown(name: str, value: Json) -> Json:
    if name == "fallbackHandler" and isinstance(value, dict):
        return {"url": value["url"]}
    return value
