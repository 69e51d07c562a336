"""What commands are given: files of JSON, spans of time, names of agents, and the options that several share."""

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from callgate.cli import completion
from callgate.cli.client import Client
from callgate.cli.errors import Misused

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DIGITS_MAX: Final = 6

Limit = Annotated[int, typer.Option(min=0, help="Entries at most; 0: all.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
IfMatch = Annotated[
    str | None, typer.Option(metavar="VERSION", help="Only when this version of the rules is in force.")
]
Since = Annotated[str | None, typer.Option(metavar="SPAN", help="Not before: a span such as 30m, 24h, 7d, or a time.")]
Until = Annotated[str | None, typer.Option(metavar="SPAN", help="Before; likewise.")]
Draft = Annotated[
    str | None, typer.Option(metavar="FILE", help="JSON of a PATCH of the rules that is tried; -: standard input.")
]
AgentName = Annotated[str, typer.Argument(metavar="AGENT", help="Name or id.", autocompletion=completion.agents)]
AgentOption = Annotated[str | None, typer.Option(metavar="AGENT", help="Name or id.", autocompletion=completion.agents)]


def read_json(file: str) -> Any:
    """The JSON of a file, or of standard input for ``-``.

    Raises:
        Misused: it cannot be read, or is not JSON.
    """
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
        return json.loads(text)
    except OSError as error:
        raise Misused(f"cannot read {name}: {(error.strerror or 'unreadable').lower()}") from None
    except json.JSONDecodeError as error:
        words = f"{error.msg[:1].lower()}{error.msg[1:]}, line {error.lineno}, column {error.colno}"
        raise Misused(f"{name} is not JSON: {words}") from None
    except (ValueError, RecursionError):
        raise Misused(f"{name} is not JSON in UTF-8") from None


def read_object(file: str) -> dict[str, Any]:
    """Likewise, where it must be an object.

    Raises:
        Misused: also when it is something else.
    """
    found = read_json(file)
    if not isinstance(found, dict):
        kind = "a list" if isinstance(found, list) else "a text" if isinstance(found, str) else json.dumps(found)
        raise Misused(f"{file} holds {kind}; expected an object")
    return found


def moment(option: str, text: str | None, now: datetime | None = None) -> str | None:
    """A time that an option gives, as the API takes it: a span back from now, or a date or time of this place.

    Args:
        option: named where it is wrong.
        text: as it was given.
        now: UTC.

    Raises:
        Misused: neither.
    """
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _SECONDS and number.isascii() and number.isdigit() and len(number) <= _DIGITS_MAX:
            return ((now or datetime.now(UTC)) - timedelta(seconds=int(number) * _SECONDS[unit])).isoformat()
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Misused(
            f"{option} is {text!r}; expected a span such as 30m, 24h, 7d, or a time such as 2026-07-01T12:00"
        ) from None


def pair(option: str, text: str, between: str) -> tuple[str, str]:
    """``NAME=VALUE``, or with another sign between.

    Raises:
        Misused: the sign or the name is missing.
    """
    name, sign, found = text.partition(between)
    if not sign or not name.strip():
        raise Misused(f"{option} is {text!r}; expected NAME{between}VALUE")
    return name.strip(), found.strip() if between == ":" else found


def agent_named(client: Client, name: str) -> str:
    """The id of the agent that a name or an id means.

    Raises:
        Misused: none is called that, or several are.
    """
    try:
        return str(UUID(name))
    except ValueError:
        pass
    found = client.listed("/api/agents", [("search", name)])["results"]
    return one_agent(name, found)


def one_agent(name: str, agents: Iterable[dict[str, Any]]) -> str:
    """The id of the one of `agents` that is called this, or has this id.

    Raises:
        Misused: none, or several.
    """
    ids = [str(one["agentId"]) for one in agents if name == one["name"] or name.lower() == one["agentId"]]
    if not ids:
        raise Misused(f"no agent is called {name!r}; `callgate agents list` shows them")
    if len(ids) > 1:
        raise Misused(f"{len(ids)} agents are called {name!r}; expected an id of {', '.join(ids)}")
    return ids[0]


def tag(version: str | None) -> dict[str, str]:
    """The header for a version that must be in force."""
    return {} if version is None else {"If-Match": version if version == "*" else f'"{version.strip(chr(34))}"'}
