"""Where the stores of tests are kept: in files of SQLite, or in databases of PostgreSQL that stand for these files.

``CALLGATE_TEST_DATABASE`` says which: ``postgresql`` has every store of every test there. Without it the tests of the
store and of the API run on both, and all others on SQLite.
"""

import os
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, create_engine

from callgate.store.database import Database
from callgate.store.postgres import PostgresDatabase
from callgate.store.sqlite import SqliteDatabase
from tests.peers.postgres import cluster, programs

SQLITE, POSTGRESQL = "sqlite", "postgresql"
WANTED = os.environ.get("CALLGATE_TEST_DATABASE", "")
assert WANTED in ("", SQLITE, POSTGRESQL), WANTED

EVERYWHERE = WANTED or SQLITE
"""Where most tests keep their stores."""

BOTH = (WANTED,) if WANTED else (SQLITE, POSTGRESQL)
"""Where the tests of the store and of the API do, one after the other."""


class Databases:
    """Those of one test, by the paths that they would have as files."""

    def __init__(self, kind: str) -> None:
        if kind == POSTGRESQL and programs() is None:
            pytest.skip("PostgreSQL is not installed (scripts/install_test_peers.sh)")
        self.kind = kind
        self._names: dict[Path, str] = {}

    def at(self, path: Path, *, node: str = "", notify: bool = True) -> Database:
        """A database to open. The same path is the same one, and a `node` of its own another node on it."""
        if self.kind == SQLITE:
            return SqliteDatabase(path)
        return PostgresDatabase(self.url(path), f"test{node}", notify=notify)

    def engine(self, path: Path) -> Engine:
        """To look into one without a store."""
        if self.kind == SQLITE:
            return create_engine(f"sqlite:///{path}")
        return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(self.url(path)))

    def place(self, path: Path) -> str:
        """What another process finds it by: see `database_in`."""
        return str(path) if self.kind == SQLITE else self.url(path)

    def url(self, path: Path) -> str:
        """Of the database of PostgreSQL that stands for a file."""
        return cluster().url(self.name(path))

    def name(self, path: Path) -> str:
        """Its name."""
        if path not in self._names:
            self._names[path] = cluster().create()
        return self._names[path]

    def drop(self) -> None:
        """Remove them."""
        for name in self._names.values():
            cluster().drop(name)
        self._names.clear()


def database_in(place: str) -> Database:
    """The database that a `place` names."""
    if place.startswith("postgresql://"):
        return PostgresDatabase(place, "test")
    return SqliteDatabase(Path(place))


_OF_NODES = None if EVERYWHERE == SQLITE else Databases(POSTGRESQL)


def settings_for(folder: Path) -> dict[str, str]:
    """What a node is told, in its environment, of where to keep what its folder would hold."""
    return {} if _OF_NODES is None else {"CALLGATE_DATABASE_URL": _OF_NODES.url(folder)}
