"""A count of changes that a command makes in the database beside running nodes, so that these can notice."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.tables import configuration_revisions

_ACCOUNTS: Final = "accounts"

REVISION: Final = select(configuration_revisions.c.number).where(configuration_revisions.c.name == _ACCOUNTS)


async def revision_of(connection: AsyncConnection) -> int:
    """The count as it is."""
    return int((await connection.execute(REVISION)).scalar_one())


async def count_change(connection: AsyncConnection) -> None:
    """One more, in the transaction of the change itself."""
    table = configuration_revisions
    await connection.execute(update(table).where(table.c.name == _ACCOUNTS).values(number=table.c.number + 1))
