"""The nodes on a database: which of them live, and which of them a call or a delivery belongs to."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.store.tables import nodes

_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


async def enter(connection: AsyncConnection, node_id: str, name: str) -> None:
    """Count a node among the living, and whoever bore its name before among the dead."""
    await connection.execute(delete(nodes).where(nodes.c.name == name))
    await connection.execute(insert(nodes).values(node_id=node_id, name=name, seen=func.now(), written=0))


async def leave(connection: AsyncConnection, node_id: str) -> None:
    """Have others take over at once what a node that ends in order could not finish."""
    await connection.execute(update(nodes).where(nodes.c.node_id == node_id).values(seen=_LONG_AGO))


async def is_alive(connection: AsyncConnection, node_id: str | None) -> bool:
    """Whether a node is among the living."""
    return await connection.scalar(select(nodes.c.node_id).where(nodes.c.node_id == node_id)) is not None


def of_the_dead(owner: ColumnElement[str | None], node_id: str) -> ColumnElement[bool]:
    """Of a column that names a node: rows whose node is not among the living, nor the one that asks."""
    return or_(owner.is_(None), (owner != node_id) & owner.not_in(select(nodes.c.node_id)))
