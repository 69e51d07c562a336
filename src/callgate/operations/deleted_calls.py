"""Deleted calls: what stays of them."""

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound
from callgate.operations.queries import CallQuery, read_filter
from callgate.schema.call import render_tombstone
from callgate.schema.errors import Invalid
from callgate.store.open import Store


class DeletedCallOperations:
    """What an owner may ask about calls that were deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, caller: Caller, query: CallQuery, wanted: PageWanted) -> PageFound[Json]:
        """Those deleted last first.

        Raises:
            Invalid: with every filter that cannot be read, and with those that ask for what is gone.
        """
        if query.metadata:
            raise Invalid({f"metadata.{key}": ["a deleted call has no metadata any more"] for key in query.metadata})
        found = await self._store.list_deleted_calls(caller.account.account_id, wanted, read_filter(query))
        return found.each(render_tombstone)

    async def get(self, caller: Caller, call_id: str) -> JsonObject:
        """One of them.

        Raises:
            NotFound: none of this account was deleted, or it is too long ago.
        """
        found = await self._store.get_deleted_call(caller.account.account_id, call_id.lower())
        if found is None:
            raise NotFound(f"no such deleted call: {call_id[:60]}")
        return render_tombstone(found)
