"""Call throttles: made, read, changed, deleted, and applied to calls that name one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.operations.caller import Caller
from callgate.operations.errors import Full, NotFound
from callgate.schema.errors import Invalid, invalid, shown
from callgate.schema.throttle import render_throttle, wanted_throttle
from callgate.store.errors import NameTaken, TooMany
from callgate.store.open import Store


class ThrottleOperations:
    """What an owner may ask about call throttles."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, caller: Caller, body: Json) -> JsonObject:
        """Make a throttle.

        Raises:
            Invalid: with every mistake, the name is taken, or the account has as many as it may.
        """
        name, rules = wanted_throttle(body)
        try:
            made = await self._store.create_throttle(caller.account.account_id, name or "", rules or ())
        except NameTaken:
            raise _name_taken(name) from None
        except TooMany as error:
            raise invalid("non_field_errors", f"the account has {error} call throttles, as many as it may") from None
        return render_throttle(made)

    async def find(self, caller: Caller, wanted: PageWanted) -> PageFound[Json]:
        """The throttles, newest first."""
        return (await self._store.list_throttles(caller.account.account_id, wanted)).each(render_throttle)

    async def get(self, caller: Caller, throttle_id: str) -> JsonObject:
        """One throttle.

        Raises:
            NotFound: none of this account.
        """
        found = await self._store.get_throttle(caller.account.account_id, throttle_id.lower())
        if found is None:
            raise _no_throttle(throttle_id)
        return render_throttle(found)

    async def update(self, caller: Caller, throttle_id: str, body: Json, *, partial: bool) -> JsonObject:
        """Change a throttle: by a PATCH what it names, by a PUT all of it. What it has counted stays.

        Raises:
            NotFound: none of this account.
            Invalid: with every mistake, or the name is taken.
        """
        await self.get(caller, throttle_id)
        name, rules = wanted_throttle(body, partial=partial)
        account_id = caller.account.account_id
        try:
            changed = await self._store.change_throttle(account_id, throttle_id.lower(), name=name, rules=rules)
        except NameTaken:
            raise _name_taken(name) from None
        if changed is None:
            raise _no_throttle(throttle_id)
        return render_throttle(changed)

    async def delete(self, caller: Caller, throttle_id: str) -> None:
        """Delete a throttle, and what it has counted.

        Raises:
            NotFound: none of this account.
        """
        if not await self._store.delete_throttle(caller.account.account_id, throttle_id.lower()):
            raise _no_throttle(throttle_id)

    @asynccontextmanager
    async def applied(self, caller: Caller, name_or_id: str | None) -> AsyncIterator[None]:
        """Make a call within: the throttle counts it, unless none comes of it.

        Args:
            caller: whose.
            name_or_id: of the throttle; ``None``: none is to be applied.

        Raises:
            Invalid: the account has no such throttle.
            Full: the throttle allows none now.
        """
        if name_or_id is None:
            yield
            return
        throttle = await self._store.find_throttle(caller.account.account_id, name_or_id)
        if throttle is None:
            raise invalid("throttle", f"no such call throttle: {shown(name_or_id)}")
        use_id, wait_s = await self._store.use_throttle(throttle)
        if not use_id:
            rules = " and ".join(f"{rule.calls_max} calls in {rule.window_s} s" for rule in throttle.rules)
            raise Full(f"the call throttle {shown(throttle.name)} allows {rules}", 429, max(1, ceil(wait_s)))
        try:
            yield
        except BaseException:
            await self._store.unuse_throttle(use_id)
            raise


def _name_taken(name: str | None) -> Invalid:
    return invalid("name", f"another call throttle has this name: {shown(name)}")


def _no_throttle(throttle_id: str) -> NotFound:
    return NotFound(f"no such call throttle: {throttle_id[:60]}")
