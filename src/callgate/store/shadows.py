"""Drafts beside the rules in force, and what they have seen.

Every process that counts keeps a tally of its own, so that none needs to know of another, or of itself before a
restart: what a shadow has seen is the sum of all.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's conflict clauses are written alike
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.destination import Destination
from callgate.entities.shadow import Difference, ShadowTally, SipShadow
from callgate.store.base import StorePart
from callgate.store.rows import shadow_row
from callgate.store.tables import sip_shadow_tallies, sip_shadows


class ShadowStore(StorePart):
    """The verbs on shadows."""

    async def put_shadow(self, shadow: SipShadow) -> None:
        """Put one beside the rules, in place of the one before; it counts when this returns."""

        async def work(connection: AsyncConnection) -> None:
            await _remove(connection, shadow.account_id)
            await connection.execute(insert(sip_shadows), [shadow_row(shadow)])

        def committed(nothing: None) -> None:
            self.snapshot.swap(self.snapshot.now.with_shadow(shadow), shadow.account_id)

        await self._change(shadow.account_id, work, committed)

    async def drop_shadow(self, account_id: str, shadow_id: str) -> bool:
        """Take one away with all it has seen; ``False`` when it is not there, or no longer."""

        async def work(connection: AsyncConnection) -> bool:
            current = self.snapshot.shadow(account_id)
            if current is None or current.shadow_id != shadow_id:
                return False
            await _remove(connection, account_id)
            return True

        def committed(dropped: bool) -> None:
            if dropped:
                self.snapshot.swap(self.snapshot.now.without_shadow(account_id), account_id)

        return await self._change(account_id, work, committed)

    async def keep_shadow_tallies(self, process_id: str, tallies: Mapping[str, ShadowTally]) -> None:
        """Write what a process has seen, by shadow; of one that has been dropped nothing is kept."""

        async def work(connection: AsyncConnection) -> None:
            living = set(await connection.scalars(select(sip_shadows.c.shadow_id)))
            rows = [
                {"shadow_id": shadow_id, "process_id": process_id, "tally": _tally_json(tally)}
                for shadow_id, tally in tallies.items()
                if shadow_id in living
            ]
            if rows:
                statement = upsert(sip_shadow_tallies)
                await connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["shadow_id", "process_id"], set_={"tally": statement.excluded.tally}
                    ),
                    rows,
                )

        await self._writer.run(work)

    async def shadow_tallies(self, shadow_id: str) -> dict[str, ShadowTally]:
        """What has been written of a shadow, by process."""
        table = sip_shadow_tallies
        rows = await self._read(select(table).where(table.c.shadow_id == shadow_id))
        return {row["process_id"]: _tally_of(row["tally"]) for row in rows}


async def _remove(connection: AsyncConnection, account_id: str) -> None:
    mine = select(sip_shadows.c.shadow_id).where(sip_shadows.c.account_id == account_id)
    await connection.execute(delete(sip_shadow_tallies).where(sip_shadow_tallies.c.shadow_id.in_(mine)))
    await connection.execute(delete(sip_shadows).where(sip_shadows.c.account_id == account_id))


def _tally_json(tally: ShadowTally) -> dict[str, Any]:
    return {
        "attempts": tally.attempts,
        "leftOut": tally.left_out,
        "changed": tally.changed,
        "moves": [[*went, *would_go, count] for (went, would_go), count in tally.moves.items()],
        "last": [
            [one.decision_id, one.at.isoformat(), one.source_address, one.to_uri, one.request_uri]
            + [*one.went, *one.would_go]
            for one in tally.last
        ],
    }


def _tally_of(stored: Mapping[str, Any]) -> ShadowTally:
    return ShadowTally(
        stored["attempts"],
        stored["leftOut"],
        stored["changed"],
        {
            (Destination(kind, name), Destination(to_kind, to_name)): count
            for kind, name, to_kind, to_name, count in stored["moves"]
        },
        tuple(
            Difference(
                decision_id,
                datetime.fromisoformat(at),
                source,
                to_uri,
                request_uri,
                Destination(kind, name),
                Destination(to_kind, to_name),
            )
            for decision_id, at, source, to_uri, request_uri, kind, name, to_kind, to_name in stored["last"]
        ),
    )
