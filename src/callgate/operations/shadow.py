"""A draft beside the rules in force: put up, looked at, promoted, dropped."""

from collections.abc import Sequence
from datetime import timedelta

from callgate.core.admission.shadow import merged
from callgate.entities.json import Json, JsonObject
from callgate.entities.shadow import SipShadow
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound, Outdated
from callgate.operations.replay import agent_names
from callgate.operations.sip_config import SipConfigOperations, Tagged, etag
from callgate.ports import Clock, Ids, ShadowTallies
from callgate.schema.duration import seconds
from callgate.schema.errors import Invalid
from callgate.schema.shadow import render_shadow, validate_shadow
from callgate.store.open import Store


class ShadowOperations:
    """What an owner may ask about the draft beside its rules.

    Args:
        store: keeps it.
        clock: time.
        ids: names.
        rules: the operations on rules.
        tallies: what this process has seen; ``None``: it sees no calls.
        process_id: names what this process has written.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        rules: SipConfigOperations,
        tallies: ShadowTallies | None,
        process_id: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._tallies = tallies
        self._process_id = process_id

    async def put(self, caller: Caller, body: Json) -> JsonObject:
        """Put a draft beside the rules, in place of the one before; it counts from the next call on.

        Raises:
            Invalid: with every mistake of body and draft.
        """
        asked = validate_shadow(body)
        live = self._store.snapshot.sip_config(caller.account.account_id)
        try:
            changes = self._rules.checked(caller, asked.patch)
        except Invalid as error:
            raise Invalid({"patch": error.errors}) from None
        now = self._clock.now()
        await self._store.put_shadow(
            SipShadow(
                shadow_id=self._ids.uuid(),
                account_id=caller.account.account_id,
                created=now,
                created_by=caller.key_prefix,
                until=now + timedelta(seconds=seconds(asked.duration)),
                base_version=live.number,
                changes=changes,
            )
        )
        return await self.get(caller)

    async def get(self, caller: Caller) -> JsonObject:
        """The draft and what has been seen of it, by this process and by others, also before a restart.

        Raises:
            NotFound: there is none.
        """
        shadow = self._shadow(caller)
        tallies = await self._store.shadow_tallies(shadow.shadow_id)
        if self._tallies is not None:
            tallies[self._process_id] = self._tallies.tally(shadow.shadow_id)
        return render_shadow(
            shadow,
            merged(tallies.values()),
            live_version=self._store.snapshot.sip_config(caller.account.account_id).number,
            now=self._clock.now(),
            names=agent_names(self._store, caller),
        )

    async def drop(self, caller: Caller) -> None:
        """Take the draft away, with all that was seen of it.

        Raises:
            NotFound: there is none.
        """
        await self._store.drop_shadow(caller.account.account_id, self._shadow(caller).shadow_id)

    async def promote(self, caller: Caller, if_match: Sequence[str] | None = None) -> Tagged:
        """Make the draft the rules, by a PATCH like any other, and take it away.

        Raises:
            NotFound: there is none.
            Invalid: what it names is gone.
            Outdated: the rules are no longer those that it was put beside, and `if_match` does not say that this is
                known; or it names others.
        """
        shadow = self._shadow(caller)
        live = self._store.snapshot.sip_config(caller.account.account_id)
        if if_match is None:
            if live.number != shadow.base_version:
                raise Outdated(
                    f"the rules have changed since the shadow was put up: it was beside version {shadow.base_version}, "
                    f"in force is {live.number}. The draft changes only what it names; look at GET /api/sip and at the "
                    f"shadow, then promote with If-Match: {etag(live)}"
                )
            if_match = [etag(live)]
        promoted = await self._rules.patch(caller, shadow.changes, if_match)
        await self._store.drop_shadow(caller.account.account_id, shadow.shadow_id)
        return promoted

    def _shadow(self, caller: Caller) -> SipShadow:
        shadow = self._store.snapshot.shadow(caller.account.account_id)
        if shadow is None:
            raise NotFound("there is no shadow; PUT one")
        return shadow
