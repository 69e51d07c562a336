"""`callgate accounts`: who has a domain, rules and keys of its own on this server.

For whoever runs it: these commands work on the database of the data folder, and a running node follows within a second.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic.alias_generators import to_camel

from callgate.config.load import SettingError, load
from callgate.config.settings import Settings
from callgate.entities.account import Account, AccountLimits

if TYPE_CHECKING:
    from callgate.store.administration import KnownAccount
    from callgate.store.open import Store

EXIT_REFUSED = 1
EXIT_BAD_ARGUMENT = 2

_DATABASE: Final = "callgate.db"
# RFC 1035 section 2.3.1 (Preferred name syntax): a label of a domain, in lower case.
_SLUG: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME_CHARACTERS_MAX: Final = 200  # it is shown in tables; nothing else depends on it
_LIMIT_MAX: Final = 1_000_000  # more than any node carries or answers
_BY_SETTINGS: Final = "default"

app = typer.Typer(
    help="Accounts: each with a domain, rules, keys and limits of its own.", no_args_is_help=True, add_completion=False
)

_DataDir = Annotated[str | None, typer.Option("--data-dir", help="Folder of the node's database.")]
_Config = Annotated[Path | None, typer.Option("--config", help="Settings from a TOML file, as for `serve`.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Which = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its slug or its id.")]


def _limit(name: str, words: str) -> Any:
    return typer.Option(
        name, metavar="N", help=f"{words}; 0: no limit, {_BY_SETTINGS}: as the settings say.", show_default=False
    )


_CallsMax = Annotated[str | None, _limit("--calls-max", "Calls at a time")]
_AgentCallsMax = Annotated[str | None, _limit("--agent-calls-max", "Calls at a time of each agent")]
_RequestsPerS = Annotated[str | None, _limit("--requests-per-s", "Requests of the HTTP API per second")]
_KeyRequestsPerS = Annotated[str | None, _limit("--key-requests-per-s", "Likewise with any one key")]
_CallsPerS = Annotated[str | None, _limit("--calls-per-s", "Calls made through the HTTP API in any second")]
_CallsPerMinute = Annotated[str | None, _limit("--calls-per-minute", "Likewise in any minute")]


class Impossible(Exception):
    """What was asked for cannot be done; one line for an operator, lower case."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="For people.")],
    slug: Annotated[str | None, typer.Option(help="First label of its domain; made of the name when absent.")] = None,
    calls_max: _CallsMax = None,
    agent_calls_max: _AgentCallsMax = None,
    requests_per_s: _RequestsPerS = None,
    key_requests_per_s: _KeyRequestsPerS = None,
    calls_per_s: _CallsPerS = None,
    calls_per_minute: _CallsPerMinute = None,
    data_dir: _DataDir = None,
    config: _Config = None,
    as_json: _AsJson = False,
) -> None:
    """Make an account that admits nobody yet; its first key is shown this once."""
    limits = _limits(calls_max, agent_calls_max, requests_per_s, key_requests_per_s, calls_per_s, calls_per_minute)
    called = _name(name)
    label = _slug(called, slug)
    settings = _settings(data_dir, config)

    async def work(store: "Store") -> None:
        from callgate.store.errors import NameTaken

        try:
            account, key = await store.create_account(label, called, limits=AccountLimits(**limits))
        except NameTaken:
            raise Impossible(f"another account has the slug {label}; expected another --slug") from None
        shown = {**_facts(account, settings, len(store.snapshot.accounts)), "apiKey": key}
        if as_json:
            print(json.dumps(shown))
            return
        print(f"Account {account.slug}, {account.account_id}")
        print(f"  domain   {shown['domain']}")
        print(f"  API key  {key}   (not kept: note it down)")
        if not settings.sip_domain:
            print("Without the setting sip.domain, domains of several accounts stand below the machine's name.")

    _run(settings, work, make=True)


@app.command("list")
def list_accounts(data_dir: _DataDir = None, config: _Config = None, as_json: _AsJson = False) -> None:
    """Show all accounts."""
    settings = _settings(data_dir, config)

    async def work(store: "Store") -> None:
        known = await store.known_accounts()
        living = len(store.snapshot.accounts)
        if as_json:
            print(json.dumps([_known(one, settings, living) for one in known]))
        else:
            _print_table(known, settings, living)

    _run(settings, work)


@app.command("set")
def set_account(
    which: _Which,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    calls_max: _CallsMax = None,
    agent_calls_max: _AgentCallsMax = None,
    requests_per_s: _RequestsPerS = None,
    key_requests_per_s: _KeyRequestsPerS = None,
    calls_per_s: _CallsPerS = None,
    calls_per_minute: _CallsPerMinute = None,
    data_dir: _DataDir = None,
    config: _Config = None,
    as_json: _AsJson = False,
) -> None:
    """Change an account's name or limits; what is not named stays."""
    limits = _limits(calls_max, agent_calls_max, requests_per_s, key_requests_per_s, calls_per_s, calls_per_minute)
    wanted = None if name is None else _name(name)
    settings = _settings(data_dir, config)

    async def work(store: "Store") -> None:
        found = await _find(store, which)
        changed = await store.change_account(found.account.account_id, name=wanted, limits=limits)
        if changed is None:
            raise Impossible(f"the account {which} is being deleted")
        if as_json:
            print(json.dumps(_facts(changed, settings, len(store.snapshot.accounts))))
        else:
            print(f"Account {changed.slug}: {_limits_in_words(changed.limits)}")

    _run(settings, work)


@app.command()
def delete(
    which: _Which,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: _DataDir = None,
    config: _Config = None,
    as_json: _AsJson = False,
) -> None:
    """Delete an account with its agents, keys, calls, recordings and records; this cannot be undone."""
    settings = _settings(data_dir, config)

    async def work(store: "Store") -> None:
        found = await _find(store, which)
        account = found.account
        if found.calls_open:
            raise Impossible(
                f"{found.calls_open} calls of {account.slug} are in progress; hang them up or wait for their end"
            )
        words = f"Delete the account {account.slug} ({account.name}) with {found.calls} calls and everything else?"
        if not yes and not typer.confirm(words, err=True):
            raise Impossible("nothing was deleted")
        await store.delete_account(account.account_id)
        recordings = _recordings(settings)
        while await store.remove_some(account.account_id, recordings):
            pass
        if as_json:
            print(json.dumps({"accountId": account.account_id, "slug": account.slug, "deleted": True}))
        else:
            print(f"Account {account.slug} is deleted.")

    _run(settings, work)


def _recordings(settings: Settings) -> Callable[[list[str]], None]:
    """What removes the recordings of calls."""
    from callgate.media.recording_folder import RecordingFolder

    folder = RecordingFolder(Path(settings.recordings_dir or Path(settings.data_dir) / "recordings").absolute())

    def remove(call_ids: list[str]) -> None:
        for call_id in call_ids:
            folder.delete(call_id)

    return remove


async def _find(store: "Store", which: str) -> "KnownAccount":
    known = await store.known_accounts()
    for one in known:
        if which in (one.account.slug, one.account.account_id):
            return one
    slugs = ", ".join(one.account.slug for one in known)
    raise Impossible(f"no such account: {which}; expected one of {slugs or 'none: there are no accounts'}")


def _run(settings: Settings, work: Callable[["Store"], Awaitable[None]], *, make: bool = False) -> None:
    """Do `work` on the database; `make` it when there is none. What is impossible is one line, and exit code 1."""
    # Here, so that other commands need not load the store.
    from callgate.app.first_start import CannotStart, make_folder
    from callgate.runtime.clock import SystemClock
    from callgate.runtime.ids import SystemIds
    from callgate.store.errors import StoreUnavailable
    from callgate.store.open import database_at, open_store

    folder = Path(settings.data_dir)
    path = folder / _DATABASE

    async def run() -> None:
        if make:
            make_folder(folder)
        elif not settings.database_url and not path.exists():
            raise Impossible(f"there is no database in {folder}; expected the data folder of a node (--data-dir)")
        database = database_at(
            settings.database_url, path, node_name="", synchronous=settings.store_synchronous, notify=True
        )
        store = await open_store(database, clock=SystemClock(), ids=SystemIds(), failed=_complain, serves=False)
        try:
            await work(store)
        finally:
            await store.close()

    try:
        asyncio.run(run())
    except (Impossible, CannotStart, StoreUnavailable) as error:
        _complain(str(error))
        raise typer.Exit(EXIT_REFUSED) from None


def _settings(data_dir: str | None, config: Path | None) -> Settings:
    try:
        return load({"data_dir": data_dir}, os.environ, config)
    except SettingError as error:
        raise _bad(str(error)) from None


def _limits(*given: str | None) -> dict[str, int | None]:
    """The limits that flags give, by their attributes, in the order of `AccountLimits`."""
    limits: dict[str, int | None] = {}
    for name, text in zip(asdict(AccountLimits()), given, strict=True):
        if text is None:
            continue
        if text == _BY_SETTINGS:
            limits[name] = None
        elif text.isascii() and text.isdigit() and len(text) <= len(str(_LIMIT_MAX)) and int(text) <= _LIMIT_MAX:
            limits[name] = int(text)
        else:
            option = "--" + name.replace("_", "-")
            raise _bad(f"{option} is {text!r}; expected 0 to {_LIMIT_MAX:,}, or {_BY_SETTINGS}")
    return limits


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > _NAME_CHARACTERS_MAX or not name.isprintable():
        raise _bad(f"the name is {text[:60]!r}; expected 1 to {_NAME_CHARACTERS_MAX} printable characters")
    return name


def _slug(name: str, given: str | None) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-") if given is None else given
    if not _SLUG.fullmatch(slug):
        what = f"--slug is {given!r}" if given is not None else "no slug can be made of the name"
        raise _bad(f"{what}; expected --slug with lower-case letters, digits and hyphens inside, 63 at most")
    return slug


def _facts(account: Account, settings: Settings, living: int) -> dict[str, Any]:
    return {
        "accountId": account.account_id,
        "slug": account.slug,
        "name": account.name,
        "created": account.created.isoformat().replace("+00:00", "Z"),
        "domain": _domain(account, settings, living),
        "limits": {to_camel(name): value for name, value in asdict(account.limits).items()},
    }


def _known(one: "KnownAccount", settings: Settings, living: int) -> dict[str, Any]:
    counts = {"calls": one.calls, "activeCalls": one.calls_open, "keys": one.keys, "deleting": one.deleting}
    return {**_facts(one.account, settings, living), **counts}


def _domain(account: Account, settings: Settings, living: int) -> str:
    from callgate.app.policies import sip_domain

    return sip_domain(account.slug, settings.sip_domain, accounts=living)


def _limits_in_words(limits: AccountLimits) -> str:
    own = {name.replace("_", " "): value for name, value in asdict(limits).items() if value is not None}
    return ", ".join(f"{name} {value or 'without limit'}" for name, value in own.items()) or "limits as in the settings"


def _print_table(known: "list[KnownAccount]", settings: Settings, living: int) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for heading in ("slug", "name", "domain", "calls", "now", "keys", "limits"):
        table.add_column(heading, justify="right" if heading in ("calls", "now", "keys") else "left")
    for one in known:
        account = one.account
        limits = "being deleted; delete it again to finish" if one.deleting else _limits_in_words(account.limits)
        counts = (str(one.calls), str(one.calls_open), str(one.keys))
        table.add_row(account.slug, escape(account.name), _domain(account, settings, living), *counts, limits)
    Console().print(table)


def _bad(words: str) -> typer.Exit:
    _complain(words)
    return typer.Exit(EXIT_BAD_ARGUMENT)


def _complain(words: str) -> None:
    print(f"callgate: {words}", file=sys.stderr)
