"""`callgate accounts` on a data folder without a node; with one: `tests/scenarios/test_accounts.py`."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from callgate.cli.main import app
from callgate.media.recording import recording_path
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.store.accounts import is_key
from callgate.store.open import Store, open_store
from tests.store.facts import a_call, a_record, an_event


class Command:
    """The command, with a data folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        for name in [name for name in os.environ if name.startswith("CALLGATE_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("CALLGATE_SIP_DOMAIN", "calls.example")

    def run(self, *arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(app, ["accounts", *arguments, "--data-dir", str(self.folder)], **more)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def refused(self, *arguments: str, code: int = 2) -> str:
        done = self.run(*arguments)
        assert (done.exit_code, done.stdout) == (code, "")
        assert done.stderr.startswith("callgate: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    async def store(self) -> Store:
        return await open_store(self.folder / "callgate.db", clock=SystemClock(), ids=SystemIds())


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(tmp_path / "data", monkeypatch)


def test_an_account_is_made_and_its_key_told_once(command: Command) -> None:
    made = command.json("create", "Acme GmbH & Co", "--calls-max", "4", "--requests-per-s", "0")
    assert is_key(made["apiKey"])
    assert (made["slug"], made["name"]) == ("acme-gmbh-co", "Acme GmbH & Co")
    assert made["domain"] == "acme-gmbh-co.calls.example"
    assert (made["limits"]["callsMax"], made["limits"]["requestsPerS"], made["limits"]["callsPerS"]) == (4, 0, None)
    (listed,) = command.json("list")
    facts = {"calls": 0, "activeCalls": 0, "keys": 1, "deleting": False}
    assert listed == {**{name: value for name, value in made.items() if name != "apiKey"}, **facts}
    assert (command.folder / "callgate.db").stat().st_mode & 0o777 == 0o600


def test_people_read_tables_and_sentences(command: Command) -> None:
    made = command.run("create", "Acme", "--slug", "a")
    assert "domain   a.calls.example" in made.stdout
    assert "API key" in made.stdout
    changed = command.run("set", "a", "--calls-per-minute", "30", "--agent-calls-max", "0")
    assert changed.stdout == "Account a: agent calls max without limit, calls per minute 30\n"
    table = command.run("list", env={"COLUMNS": "200"}).stdout
    assert "a.calls.example" in table
    assert "agent calls max without limit, calls per minute 30" in table


def test_what_is_not_named_stays(command: Command) -> None:
    made = command.json("create", "Acme", "--calls-max", "4", "--calls-per-s", "2")
    changed = command.json("set", made["accountId"], "--calls-max", "default", "--name", "Acme & Sons")
    assert changed["limits"] == {**made["limits"], "callsMax": None}
    assert changed["name"] == "Acme & Sons"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("create", "B", "--slug", "B"), "--slug is 'B'; expected --slug with lower-case letters"),
        (("create", "B", "--slug", "-b"), "--slug is '-b'"),
        (("create", "B", "--slug", "b" * 64), "63 at most"),
        (("create", "漢字"), "no slug can be made of the name"),
        (("create", " "), "the name is ' '"),
        (("create", "a\nb", "--slug", "b"), "printable characters"),
        (("create", "B", "--calls-max", "-1"), "--calls-max is '-1'; expected 0 to 1,000,000, or default"),
        (("set", "a", "--calls-per-s", "1000001"), "--calls-per-s is '1000001'"),
        (("set", "a", "--requests-per-s", "many"), "--requests-per-s is 'many'"),
    ],
)
def test_a_bad_argument_is_one_line_and_changes_nothing(
    command: Command, arguments: tuple[str, ...], words: str
) -> None:
    assert words in command.refused(*arguments)
    assert not command.folder.exists()


def test_what_cannot_be_done_is_one_line(command: Command) -> None:
    assert "there is no database in" in command.refused("list", code=1)
    command.json("create", "Acme")
    assert "another account has the slug acme" in command.refused("create", "ACME", code=1)
    assert "no such account: b; expected one of acme" in command.refused("set", "b", "--calls-max", "1", code=1)
    assert "no such account" in command.refused("delete", "b", "--yes", code=1)


def test_deleting_asks_first(command: Command) -> None:
    command.json("create", "Acme")
    kept = command.run("delete", "acme", input="n\n")
    assert kept.exit_code == 1
    assert "Delete the account acme (Acme) with 0 calls and everything else?" in kept.stderr
    assert len(command.json("list")) == 1
    gone = command.run("delete", "acme", input="y\n")
    assert gone.exit_code == 0
    assert gone.stdout.endswith("Account acme is deleted.\n")
    assert command.json("list") == []


async def test_an_account_goes_with_its_recordings_and_not_while_it_has_calls(command: Command) -> None:
    account_id = (await asyncio.to_thread(command.json, "create", "Acme"))["accountId"]
    store = await command.store()
    call = a_call(account_id)
    await store.call_started(call, a_record(account_id), an_event(call, "call.started"))
    path = recording_path(command.folder / "recordings", call.call_id)
    path.parent.mkdir()
    path.write_bytes(b"RIFF")
    words = await asyncio.to_thread(command.refused, "delete", "acme", "--yes", code=1)
    assert "1 calls of acme are in progress" in words
    await store.call_ended(replace(call, ended=call.created), an_event(call, "call.ended"))
    await asyncio.to_thread(command.json, "delete", "acme", "--yes")
    assert not path.exists()
    assert await store.get_call(account_id, call.call_id) is None
    await store.close()
