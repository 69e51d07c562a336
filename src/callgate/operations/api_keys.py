"""API keys: made, listed, revoked, deleted."""

from callgate.entities.account import ApiKey
from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted, page_of
from callgate.operations.caller import Caller
from callgate.operations.errors import Conflict, NotFound
from callgate.ports import Clock
from callgate.schema.api_key import render_api_key, wanted_key, wants_revoked
from callgate.schema.errors import invalid
from callgate.store.errors import LastKey, TooMany
from callgate.store.open import Store


class ApiKeyOperations:
    """What an owner may ask about keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, caller: Caller, body: Json) -> JsonObject:
        """Make a key; its `secret`, the key itself, is told this once.

        Raises:
            Invalid: with every mistake, or the account has as many keys as it may.
        """
        wanted = wanted_key(body, now=self._clock.now())
        try:
            kept, key = await self._store.create_key(
                caller.account.account_id,
                wanted.name,
                creator=caller.key_prefix,
                expires=wanted.expires,
                read_only=wanted.read_only,
            )
        except TooMany as error:
            raise invalid("non_field_errors", f"the account has {error} API keys, as many as it may") from None
        return {**render_api_key(kept), "secret": key}

    def get(self, caller: Caller, prefix: str) -> JsonObject:
        """One key.

        Raises:
            NotFound: none of this account.
        """
        return render_api_key(self._found(caller, prefix))

    def find(self, caller: Caller, wanted: PageWanted) -> PageFound[Json]:
        """The keys, newest first."""
        keys = self._store.keys_of(caller.account.account_id)
        newest_first = page_of(keys, lambda key: (key.created.timestamp(), key.prefix), wanted, descending=True)
        return newest_first.each(render_api_key)

    async def update(self, caller: Caller, prefix: str, body: Json) -> JsonObject:
        """Revoke a key, if the body says so. It cannot be undone.

        Raises:
            NotFound: none of this account.
            Invalid: with every mistake, or to undo it.
            Conflict: no other key could change anything.
        """
        key = self._found(caller, prefix)
        revoked = wants_revoked(body)
        if key.revoked and revoked is False:
            raise invalid("revoked", "the key has been revoked, and this cannot be undone; make another one")
        if revoked and not key.revoked:
            try:
                await self._store.revoke_key(caller.account.account_id, prefix)
            except LastKey:
                raise _last_key(prefix) from None
        return self.get(caller, prefix)

    async def delete(self, caller: Caller, prefix: str) -> None:
        """Delete a key.

        Raises:
            NotFound: none of this account.
            Conflict: no other key could change anything.
        """
        self._found(caller, prefix)
        try:
            await self._store.delete_key(caller.account.account_id, prefix)
        except LastKey:
            raise _last_key(prefix) from None

    def _found(self, caller: Caller, prefix: str) -> ApiKey:
        for key in self._store.keys_of(caller.account.account_id):
            if key.prefix == prefix:
                return key
        raise NotFound(f"no such API key: {prefix[:60]}")


def _last_key(prefix: str) -> Conflict:
    return Conflict(
        f"without {prefix} no key would be left that may change anything and does not expire; make another one first"
    )
