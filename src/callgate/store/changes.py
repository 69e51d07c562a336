"""Changes of the configuration: made against what is in force, and told to whoever else must know."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from callgate.store.loading import load_configuration
from callgate.store.snapshot import ConfigurationSnapshot


class Changes:
    """Of a node that is alone on its database: what is in memory is in force, and nobody need be told.

    Args:
        engine: of the database.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, failed: Callable[[str], None]) -> ConfigurationSnapshot:
        """Read all that is configured; `failed` is for the snapshot."""
        async with self._engine.connect() as connection:
            return ConfigurationSnapshot(await load_configuration(connection), failed)

    async def begin(self, connection: AsyncConnection) -> None:
        """Let nobody else change anything until the transaction ends, and have in memory what is in force."""

    async def announce(self, connection: AsyncConnection, account_id: str) -> None:
        """Have others know, with the commit, of a change to an account."""

    def committed(self, account_id: str) -> None:
        """The transaction has been committed."""

    async def follow(self) -> None:
        """Put in force here what others have changed."""
