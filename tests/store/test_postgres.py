"""PostgreSQL, and what an operator is told when it cannot be used."""

import time
from pathlib import Path

import pytest

from callgate.entities.page import PageFound, PageWanted
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.call_filter import CallFilter
from callgate.store.decisions import DecisionFilter
from callgate.store.errors import StoreUnavailable
from callgate.store.open import Store, database_at, open_store
from callgate.store.postgres import PostgresDatabase
from tests.peers.databases import Databases
from tests.peers.postgres import PASSWORD, cluster

pytestmark = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)


async def refused(url: str) -> str:
    """What is told of a database that cannot be opened."""
    with pytest.raises(StoreUnavailable) as told:
        await open_store(
            database_at(url, Path("unused"), node_name="x", synchronous="NORMAL", notify=True),
            clock=SystemClock(),
            ids=SystemIds(),
        )
    words = str(told.value)
    assert "\n" not in words
    assert PASSWORD not in words
    assert "secret" not in words
    cause = told.value.__cause__
    assert cause is None or "secret" not in str(cause)
    return words


async def test_a_server_that_is_not_there(databases: Databases) -> None:
    words = await refused("postgresql://someone:secret@127.0.0.1:1/callgate")
    assert words.startswith("cannot open the database postgresql://someone@127.0.0.1:1/callgate: ")
    assert "connection refused" in words


async def test_a_server_that_says_nothing_is_not_waited_for(databases: Databases, tmp_path: Path) -> None:
    url = databases.url(tmp_path)
    cluster().pause()
    try:
        begun_s = time.monotonic()
        assert "timeout" in await refused(f"{url}?connect_timeout=2")
        assert time.monotonic() - begun_s < 10
    finally:
        cluster().resume()


async def test_a_wrong_password(databases: Databases, tmp_path: Path) -> None:
    words = await refused(cluster().url(databases.name(tmp_path), password="secret"))
    assert "password authentication failed" in words


async def test_a_database_that_is_missing(databases: Databases) -> None:
    assert 'database "nowhere" does not exist' in await refused(cluster().url("nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h:secret/x",
        "postgresql://u:sec@secret@h/x",
        "postgresql://u:1/secret@h/x",
        "mysql secret",
        "postgresql://h/?secret=1",
        "host=h secret",
    ],
)
async def test_what_is_no_url_is_not_repeated(databases: Databases, url: str) -> None:
    assert await refused(url) == (
        "database.url is no URL of a database; expected postgresql://user:password@host:port/database, with odd "
        "characters of the password as %XX"
    )


async def test_a_server_that_is_too_old(databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.store.postgres.VERSION_MIN", 99)
    words = await refused(databases.url(tmp_path))
    assert "the server is PostgreSQL " in words
    assert words.endswith("; expected 99 or newer")


async def test_an_encoding_that_cannot_hold_every_text(databases: Databases) -> None:
    cluster().say("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        assert (await refused(cluster().url("latin"))).endswith("its encoding is LATIN1; expected UTF8")
    finally:
        cluster().drop("latin")


async def test_a_user_who_may_make_no_tables(databases: Databases) -> None:
    cluster().say("CREATE ROLE guest LOGIN PASSWORD 'secret'")
    name = cluster().create(empty=True)
    try:
        url = f"postgresql://guest:secret@127.0.0.1:{cluster().port}/{name}"
        assert "permission denied" in await refused(url)
    finally:
        cluster().drop(name)
        cluster().say("DROP ROLE guest")


async def test_a_database_without_tables_is_given_them(databases: Databases) -> None:
    name = cluster().create(empty=True)
    store = await open_store(PostgresDatabase(cluster().url(name), "x"), clock=SystemClock(), ids=SystemIds())
    await store.create_account("default", "Default")
    await store.close()
    cluster().drop(name)


@pytest.mark.parametrize("odd", ["\0", "a\0b", "lone \ud800", "x" * 10_000])
async def test_what_no_row_can_have_is_found_in_none(store: Store, odd: str) -> None:
    assert await store.get_call(odd, odd) is None
    page = PageWanted(9)
    assert await store.list_calls("account", page, CallFilter(search=odd)) == PageFound([], 0)
    assert await store.list_calls("account", page, CallFilter(metadata={odd: odd})) == PageFound([], 0)
    assert await store.list_decisions("account", page, DecisionFilter(source=odd)) == PageFound([], 0)


async def test_numbers_of_more_bits_than_a_column_has_are_in_no_row(store: Store) -> None:
    assert await store.sip_config_version("account", 2**31) is None
    assert await store.sip_config_version("account", 2**70) is None
