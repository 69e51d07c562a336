"""`callgate calls`: calls, and what was said in them."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks, confirm
from callgate.cli.client import at
from callgate.cli.errors import Misused
from callgate.cli.given import AgentName, AgentOption, Limit, Since, Until, Yes, agent_named, moment, pair, read_object
from callgate.cli.show import NOTHING, Cell, Show, local, took, value

app = typer.Typer(help="Calls, and what was said in them.", no_args_is_help=True, add_completion=False)

_CALLER: Final = "ultravox.sip.caller_id"
# What an agent call needs besides: sound for a client, at the rate of wideband speech.
_CLIENT: Final = {"serverWebSocket": {"inputSampleRate": 16_000, "outputSampleRate": 16_000}}
_SEVERITIES: Final = {"warning": "yellow", "error": "red", "debug": "dim"}
_ROLES: Final = {"MESSAGE_ROLE_USER": "caller", "MESSAGE_ROLE_AGENT": "agent"}

_CallId = Annotated[str, typer.Argument(metavar="CALL", help="Its id.", autocompletion=completion.calls)]


@app.command("list")
@asks
def list_calls(
    asking: Asking,
    agent: AgentOption = None,
    since: Since = None,
    until: Until = None,
    metadata: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="May be given again.")] = None,
    search: Annotated[str | None, typer.Option(help="A word of what is kept of it.")] = None,
    sort: Annotated[str, typer.Option(help="created, joined, ended …; descending with - before it.")] = "-created",
    limit: Limit = 20,
) -> None:
    """List calls, newest first."""
    narrowed = [pair("--metadata", one, "=") for one in metadata or ()]
    query = [
        ("agentIds", None if agent is None else agent_named(asking.client, agent)),
        ("fromDate", moment("--since", since)),
        ("toDate", moment("--until", until)),
        ("search", search),
        ("sort", sort),
        *((f"metadata.{key}", wanted) for key, wanted in narrowed),
    ]
    page = asking.client.listed("/api/calls", query, limit)
    asking.show.page(
        page,
        ("created", "state", "lasted", "caller", "agent", "call"),
        lambda one: (
            local(one["created"]),
            _state(one),
            took(one["joined"], one["ended"]),
            _caller(one),
            (one["agent"] or {}).get("name") or NOTHING,
            one["callId"],
        ),
        empty="There are none.",
    )


@app.command("show")
@asks
def show(asking: Asking, call_id: _CallId) -> None:
    """Show one call."""
    _tell(asking.show, asking.client.get(at("/api/calls", call_id)).body)


@app.command("messages")
@asks
def messages(
    asking: Asking,
    call_id: _CallId,
    in_call: Annotated[bool, typer.Option("--in-call", help="Of all stages; else of the last.")] = False,
    limit: Limit = 0,
) -> None:
    """Show what was said."""
    query = [("mode", "in_call" if in_call else None)]
    page = asking.client.listed(at("/api/calls", call_id, "messages"), query, limit)
    if asking.show.as_json:
        asking.show.json(page)
        return
    asking.show.pairs(
        (Cell((one.get("timespan") or {}).get("start", NOTHING), "dim"), Cell(_role(one), "bold"), one["text"])
        for one in page["results"]
    )


@app.command("events")
@asks
def events(
    asking: Asking,
    call_id: _CallId,
    severity: Annotated[str, typer.Option(help="debug, info, warning or error: this and worse.")] = "info",
    limit: Limit = 0,
) -> None:
    """Show what happened."""
    page = asking.client.listed(at("/api/calls", call_id, "events"), [("minimum_severity", severity)], limit)
    asking.show.page(
        page,
        ("at", "severity", "type", "what"),
        lambda one: (
            local(one["wallClockTimestamp"], "%H:%M:%S"),
            Cell(one["severity"], _SEVERITIES.get(one["severity"], "")),
            one["type"],
            one["text"],
        ),
        empty="Nothing happened.",
    )


@app.command("quality")
@asks
def quality(asking: Asking, call_id: _CallId) -> None:
    """Say how a call sounds, or sounded."""
    found = asking.client.get(at("/api/calls", call_id, "quality")).body
    if asking.show.as_json:
        asking.show.json(found)
        return
    asking.show.facts((name, value(held)) for name, held in found.items())


@app.command("recording")
@asks
def recording(
    asking: Asking, call_id: _CallId, file: Annotated[Path, typer.Argument(metavar="WAV", help="A new file.")]
) -> None:
    """Write the recording of a call into a file."""
    try:
        size = asking.client.download(at("/api/calls", call_id, "recording"), file)
    except FileExistsError:
        raise Misused(f"{file} exists; expected a new file") from None
    except OSError as error:
        raise Misused(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from None
    asking.note(f"{size} bytes in {file}")


@app.command("hang-up")
@asks
def hang_up(
    asking: Asking,
    call_id: _CallId,
    message: Annotated[str | None, typer.Option(metavar="TEXT", help="What the agent says before.")] = None,
) -> None:
    """End a call in progress."""
    body = {"type": "hang_up", **({} if message is None else {"message": message})}
    asking.client.ask("POST", at("/api/calls", call_id, "send_data_message"), body)


@app.command("delete")
@asks
def delete(asking: Asking, call_id: _CallId, yes: Yes = False) -> None:
    """Delete a call that is over, with all that was said in it and its recording."""
    confirm(f"Delete the call {call_id} and all that was said in it?", yes=yes)
    asking.client.ask("DELETE", at("/api/calls", call_id))


@app.command("start")
@asks
def start(
    asking: Asking,
    agent: AgentName,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="JSON of the request, e.g. templateContext; -: standard input."),
    ] = None,
) -> None:
    """Start a call to an agent, for a client that joins it over a WebSocket.

    By default the client sends and hears 16,000 samples a second; `medium` in the file says otherwise.
    """
    body = {"medium": _CLIENT, **({} if file is None else read_object(file))}
    agent_id = agent_named(asking.client, agent)
    _tell(asking.show, asking.client.ask("POST", at("/api/agents", agent_id, "calls"), body).body)


def _tell(show: Show, call: dict[str, Any]) -> None:
    if show.as_json:
        show.json(call)
        return
    show.facts(
        [
            ("call", call["callId"]),
            ("state", _state(call)),
            ("agent", value((call["agent"] or {}).get("name"))),
            ("model", value(call["model"])),
            ("created", local(call["created"])),
            ("joined", local(call["joined"])),
            ("ended", local(call["ended"])),
            ("lasted", took(call["joined"], call["ended"])),
            ("recorded", "yes" if call["recordingEnabled"] else "no"),
            *([("to be joined at", call["joinUrl"])] if call["joinUrl"] and not call["ended"] else []),
            *((name, value(held)) for name, held in call["metadata"].items()),
        ]
    )


def _state(call: dict[str, Any]) -> Cell:
    """Where a call stands: not joined yet, in progress, or why it is over."""
    if call["ended"]:
        reason = value(call["endReason"])
        return Cell(reason, "red" if reason in ("connection_error", "system_error") else "")
    return Cell("in progress", "green") if call["joined"] else Cell("not joined", "yellow")


def _caller(call: dict[str, Any]) -> str:
    """Who called; a client without a phone has no number."""
    return value(call["metadata"].get(_CALLER)) if "sip" in (call["medium"] or {}) else "client"


def _role(message: dict[str, Any]) -> str:
    role = str(message["role"])
    tool = message.get("toolName")
    return _ROLES.get(role, role.removeprefix("MESSAGE_ROLE_").lower()) + (f" {tool}" if tool else "")
