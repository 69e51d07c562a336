"""Several nodes on one database."""

from dataclasses import dataclass, field
from pathlib import Path

from callgate.entities.call import OutboxEvent
from callgate.entities.webhook import Delivery
from callgate.runtime.ids import SystemIds
from callgate.store.following import Follower
from callgate.store.open import Store, open_store
from callgate.store.postgres import LEASE_S
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.peers.postgres import cluster


@dataclass(eq=False)
class Node:
    """One of them.

    Attributes:
        store: its own.
        clock: likewise.
        told: what it reported.
        waiting: deliveries that it was told to make.
    """

    name: str
    store: Store
    clock: ManualClock
    told: list[str]
    waiting: list[Delivery] = field(default_factory=list)

    @property
    def follower(self) -> Follower:
        """What follows the others; it runs every half second by itself, and whenever a test calls `step`."""
        follower = self.store.stop_following.__self__  # type: ignore[attr-defined]
        assert isinstance(follower, Follower)
        return follower

    async def die(self) -> None:
        """Stop without a word to anybody, as a killed process does."""
        await self.store.stop_following()
        await self.store._writer.close()
        await self.store._database.close()


class Nodes:
    """Those on one database."""

    def __init__(self, databases: Databases, path: Path) -> None:
        self._databases = databases
        self._path = path
        self._nodes: list[Node] = []

    async def start(self, name: str, *, notify: bool = True) -> Node:
        """One more, or one that bears the name of another."""
        clock, told = ManualClock(), list[str]()
        database = self._databases.at(self._path, node=name, notify=notify)
        store = await open_store(database, clock=clock, ids=SystemIds(), failed=told.append)
        node = Node(name, store, clock, told)

        def waits(delivery: Delivery, event: OutboxEvent | None) -> None:
            node.waiting.append(delivery)

        store.on_waiting = waits
        self._nodes.append(node)
        return node

    def silent_for(self, node: Node, seconds: float = LEASE_S + 1) -> None:
        """Have the last sign of life of a node be so long ago."""
        cluster().say(
            f"UPDATE nodes SET seen = now() - interval '{seconds} s' WHERE node_id = '{node.store.node_id}'",
            self._databases.name(self._path),
        )

    def living(self) -> set[str]:
        """Ids of the nodes that count as living."""
        return {row[0] for row in cluster().say("SELECT node_id FROM nodes", self._databases.name(self._path))}

    async def close(self) -> None:
        """All of them."""
        for node in self._nodes:
            await node.store.close()
