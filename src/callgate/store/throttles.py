"""Call throttles and their last uses: in the database, so that counts outlive a restart and nodes share them."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.core.rates.windows import Window, wait_s
from callgate.entities.page import PageFound, PageWanted
from callgate.entities.throttle import CallThrottle, ThrottleRule
from callgate.schema.throttle import CALLS_MAX, WINDOW_S_MAX
from callgate.store.base import StorePart
from callgate.store.errors import NameTaken, TooMany
from callgate.store.pages import Order
from callgate.store.rows import Row
from callgate.store.tables import call_throttle_uses, call_throttles

THROTTLES_MAX: Final = 100  # of an account: each may keep a hundred uses
_KEPT: Final = timedelta(seconds=WINDOW_S_MAX)


class ThrottleStore(StorePart):
    """The verbs on throttles."""

    async def create_throttle(self, account_id: str, name: str, rules: tuple[ThrottleRule, ...]) -> CallThrottle:
        """Make a throttle.

        Raises:
            NameTaken: the account has one of this name.
            TooMany: the account has `THROTTLES_MAX`.
        """
        throttle = CallThrottle(self._ids.uuid(), account_id, name, self._clock.now(), rules)

        async def work(connection: AsyncConnection) -> None:
            mine = select(func.count()).select_from(call_throttles).where(call_throttles.c.account_id == account_id)
            if int((await connection.execute(mine)).scalar_one()) >= THROTTLES_MAX:
                raise TooMany(str(THROTTLES_MAX))
            await _check_name(connection, throttle)
            await connection.execute(insert(call_throttles), [_row(throttle)])

        await self._writer.run(work)
        return throttle

    async def change_throttle(
        self, account_id: str, throttle_id: str, *, name: str | None, rules: tuple[ThrottleRule, ...] | None
    ) -> CallThrottle | None:
        """Give a throttle another name or other rules, over the same uses; ``None`` when there is none.

        Raises:
            NameTaken: another one of the account has this name.
        """

        async def work(connection: AsyncConnection) -> CallThrottle | None:
            row = (await connection.execute(_by_id(account_id, throttle_id))).mappings().first()
            if row is None:
                return None
            now = _of(row)
            changed = CallThrottle(
                throttle_id,
                account_id,
                now.name if name is None else name,
                now.created,
                now.rules if rules is None else rules,
            )
            await _check_name(connection, changed)
            this = call_throttles.c.throttle_id == throttle_id
            await connection.execute(update(call_throttles).where(this).values(_row(changed)))
            return changed

        return await self._writer.run(work)

    async def delete_throttle(self, account_id: str, throttle_id: str) -> bool:
        """Delete a throttle; ``False`` when there is none."""

        async def work(connection: AsyncConnection) -> bool:
            mine = (call_throttles.c.account_id == account_id) & (call_throttles.c.throttle_id == throttle_id)
            if not (await connection.execute(delete(call_throttles).where(mine))).rowcount:
                return False
            uses = call_throttle_uses.c.throttle_id == throttle_id
            await connection.execute(delete(call_throttle_uses).where(uses))
            return True

        return await self._writer.run(work)

    async def get_throttle(self, account_id: str, throttle_id: str) -> CallThrottle | None:
        """One of an account's throttles."""
        row = await self._one(_by_id(account_id, throttle_id))
        return None if row is None else _of(row)

    async def find_throttle(self, account_id: str, name_or_id: str) -> CallThrottle | None:
        """One of an account's throttles by what a call names; an id comes before a name that looks like it."""
        named = or_(call_throttles.c.name == name_or_id, call_throttles.c.throttle_id == name_or_id.lower())
        rows = await self._read(select(call_throttles).where(call_throttles.c.account_id == account_id, named))
        found = sorted((_of(row) for row in rows), key=lambda one: one.name == name_or_id)
        return found[0] if found else None

    async def list_throttles(self, account_id: str, wanted: PageWanted) -> PageFound[CallThrottle]:
        """The throttles of an account, newest first.

        Raises:
            MarkUnfit: the mark is of another list.
        """
        mine = select(call_throttles).where(call_throttles.c.account_id == account_id)
        newest_first = Order(call_throttles.c.created, call_throttles.c.throttle_id, descending=True)
        return (await self._page(mine, newest_first, wanted)).each(_of)

    async def use_throttle(self, throttle: CallThrottle) -> tuple[str, float]:
        """Count a call that is to be made, where the rules allow it.

        Returns:
            What names the use, and 0; or an empty text, and in how many seconds the rules would allow it.
        """
        table, this = call_throttle_uses, call_throttle_uses.c.throttle_id == throttle.throttle_id
        now = self._clock.now()
        use_id = self._ids.sortable()

        async def work(connection: AsyncConnection) -> tuple[str, float]:
            # The lock is what several nodes wait for; where there is one writer, nobody need.
            held = _by_id(throttle.account_id, throttle.throttle_id).with_for_update()
            row = (await connection.execute(held)).mappings().first()
            windows = [] if row is None else [Window(one.calls_max, one.window_s) for one in _of(row).rules]
            newest = select(table.c.at).where(this).order_by(table.c.at.desc()).limit(CALLS_MAX)
            # Counted from now: seconds since 1970 are too large for a float to tell microseconds apart.
            past = [(at - now).total_seconds() for at in (await connection.execute(newest)).scalars()]
            wait = wait_s(past[::-1], windows, 0.0)
            if wait > 0:
                return "", wait
            await connection.execute(delete(table).where(this, table.c.at <= now - _KEPT))
            await connection.execute(
                insert(table), [{"use_id": use_id, "throttle_id": throttle.throttle_id, "at": now}]
            )
            return use_id, 0.0

        return await self._writer.run(work)

    async def unuse_throttle(self, use_id: str) -> None:
        """Take back a use: no call came of it."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(call_throttle_uses).where(call_throttle_uses.c.use_id == use_id))

        await self._writer.run(work)


def _by_id(account_id: str, throttle_id: str) -> Select[Any]:
    return select(call_throttles).where(
        call_throttles.c.account_id == account_id, call_throttles.c.throttle_id == throttle_id
    )


async def _check_name(connection: AsyncConnection, throttle: CallThrottle) -> None:
    other = select(call_throttles.c.throttle_id).where(
        call_throttles.c.account_id == throttle.account_id,
        call_throttles.c.name == throttle.name,
        call_throttles.c.throttle_id != throttle.throttle_id,
    )
    if (await connection.execute(other)).first() is not None:
        raise NameTaken(throttle.name)


def _row(throttle: CallThrottle) -> dict[str, Any]:
    return {
        "throttle_id": throttle.throttle_id,
        "account_id": throttle.account_id,
        "name": throttle.name,
        "created": throttle.created,
        "rules": [[rule.calls_max, rule.window_s] for rule in throttle.rules],
    }


def _of(row: Row) -> CallThrottle:
    rules = tuple(ThrottleRule(calls_max, window_s) for calls_max, window_s in row["rules"])
    return CallThrottle(row["throttle_id"], row["account_id"], row["name"], row["created"], rules)
