"""`callgate sip evaluate`, `replay`, `shadow` and `suggestions`: rules that are tried before they are in force."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks
from callgate.cli.client import at
from callgate.cli.errors import Failed, Misused
from callgate.cli.given import Draft, IfMatch, Since, Until, moment, pair, read_object, tag
from callgate.cli.ladder import show_trace
from callgate.cli.show import Cell, Show, local, value
from callgate.cli.sip_set import put_in_force

# Often enough for a bar that moves, seldom enough to cost nothing.
_ASKED_EVERY_S: Final = 0.5

_Needed = Annotated[str, typer.Option(metavar="FILE", help="JSON of the PATCH that is tried; -: standard input.")]


@asks
def evaluate(
    asking: Asking,
    source: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="IP address that the call comes from.")],
    to: Annotated[str, typer.Option("--to", metavar="USER", help="Dialled: a user, or a URI.")],
    request_uri: Annotated[
        str | None, typer.Option(metavar="USER", help="Likewise of the Request-URI; by default the same.")
    ] = None,
    from_uri: Annotated[str | None, typer.Option(metavar="USER", help="Who calls: a user, or a URI.")] = None,
    name: Annotated[str | None, typer.Option(help="Display name of who calls.")] = None,
    transport: Annotated[str, typer.Option(help="udp, tcp or tls.")] = "udp",
    header: Annotated[list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="May be given again.")] = None,
    proved: Annotated[
        str | None, typer.Option(metavar="NAME", help="The listed caller that it has proved to be.")
    ] = None,
    draft: Draft = None,
    ask_handler: Annotated[bool, typer.Option("--ask-handler", help="Really ask the fallback handler.")] = False,
) -> None:
    """Say step by step what would come of an imagined call, by the rules in force or with a draft."""
    attempt = {
        "sourceAddress": source,
        "toUri": to,
        "requestUri": request_uri,
        "fromUri": from_uri,
        "fromDisplayName": name,
        "transport": transport,
        "callerUsername": proved,
        "headers": dict(pair("--header", one, ":") for one in header) if header else None,
    }
    body: dict[str, Any] = {"attempt": {key: given for key, given in attempt.items() if given is not None}}
    if draft is not None:
        body["patch"] = read_object(draft)
    if ask_handler:
        body["askHandler"] = True
    found = asking.client.ask("POST", "/api/sip/evaluate", body).body
    if asking.show.as_json:
        asking.show.json(found)
        return
    show_trace(asking.show, found)
    if found.get("handler") is not None:
        asking.show.say("")
        asking.show.facts((f"handler {name}", value(said)) for name, said in found["handler"].items())


@asks
def replay(
    asking: Asking,
    draft: _Needed,
    since: Since = None,
    until: Until = None,
) -> None:
    """Say which calls of the past would have gone elsewhere under a draft."""
    body: dict[str, Any] = {"patch": read_object(draft)}
    body |= {} if since is None else {"fromDate": moment("--since", since)}
    body |= {} if until is None else {"toDate": moment("--until", until)}
    job = asking.client.ask("POST", "/api/sip/replay", body).body
    if job["state"] == "running":
        job = _followed(asking, job)
    if job["state"] != "done":
        raise Failed(f"the replay has failed: {job['error']}")
    if asking.show.as_json:
        asking.show.json(job)
        return
    _show_result(asking.show, job["result"])


def _followed(asking: Asking, job: dict[str, Any]) -> dict[str, Any]:
    """A replay to its end; whoever leaves before ends it."""
    path = at("/api/sip/replay", job["jobId"])
    try:
        with _progress(asking.show) as tell:
            while job["state"] == "running":
                tell(job["progress"])
                time.sleep(_ASKED_EVERY_S)
                job = asking.client.get(path).body
    except KeyboardInterrupt:
        asking.client.ask("DELETE", path)
        raise
    return job


@contextlib.contextmanager
def _progress(show: Show) -> Iterator[Callable[[dict[str, int]], None]]:
    """A bar on standard error, where there is a terminal to show it."""
    if show.as_json or not show.is_terminal:
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=None)
        yield lambda progress: bar.update(task, completed=progress["records"], total=progress["total"] or None)


def _show_result(show: Show, result: dict[str, Any]) -> None:
    show.table(
        ("calls", "went", "would go", "in force too", "e.g. decision"),
        [
            (
                Cell(str(move["count"]), "bold"),
                move["from"]["words"],
                move["to"]["words"],
                str(move["liveToo"]),
                next((one["decisionId"] for one in move["examples"]), "-"),
            )
            for move in result["moves"]
        ],
        empty="No call would have gone elsewhere.",
    )
    if result["furtherMoves"]:
        show.say(f"and {result['furtherMoves']} further pairs")
    _show_agents(show, result["agents"])
    for outcome, count in result["leftOut"].items():
        show.say(f"not compared: {count}, {outcome}")
    show.say(Cell(result["summary"], "bold"))


def _show_agents(show: Show, agents: list[dict[str, Any]]) -> None:
    for one in agents:
        show.say(
            f"agent {one['agentName'] or one['agentId']}:",
            Cell(f"+{one['gains']}", "green"),
            Cell(f"-{one['loses']}", "red"),
        )


@asks
def suggestions(
    asking: Asking,
    decision_id: Annotated[
        str, typer.Argument(metavar="DECISION", help="Of a refusal.", autocompletion=completion.refusals)
    ],
    apply: Annotated[int, typer.Option(min=0, metavar="N", help="Make the change of this number.")] = 0,
) -> None:
    """Say which smallest changes would have let a refused call in, and what else each would let in."""
    found = asking.client.get(at("/api/sip/decisions", decision_id, "suggestions")).body
    if apply:
        ways = found["suggestions"]
        if apply > len(ways):
            raise Misused(f"--apply is {apply}; there are {len(ways)} suggestions")
        before = asking.client.get("/api/sip")
        patched = asking.client.ask(
            "PATCH", "/api/sip", ways[apply - 1]["patch"], headers=tag(before.headers.get("etag"))
        )
        put_in_force(asking, before, patched)
    elif asking.show.as_json:
        asking.show.json(found)
    else:
        show_suggestions(asking.show, found)


def show_suggestions(show: Show, found: dict[str, Any]) -> None:
    """The ways in, each with a number."""
    if found["reason"]:
        show.say(found["reason"])
    show.table(
        ("", "change", "then the call", "also lets in", "reroutes"),
        [
            (
                Cell(str(number), "bold"),
                one["words"],
                one["to"]["words"],
                Cell(str(one["alsoLetsIn"]), "yellow" if one["alsoLetsIn"] else ""),
                Cell(str(one["reroutes"]), "yellow" if one["reroutes"] else ""),
            )
            for number, one in enumerate(found["suggestions"], 1)
        ],
        empty=f"No change of the rules is suggested; by those in force the call {found['now']['words']}.",
    )


shadow = typer.Typer(
    help="A draft beside live calls, which decides nothing.", no_args_is_help=True, add_completion=False
)


@shadow.command("show")
@asks
def show_shadow(asking: Asking) -> None:
    """Show what the draft would have done otherwise so far."""
    _show_shadow(asking.show, asking.client.get("/api/sip/shadow").body)


@shadow.command("put")
@asks
def put_shadow(
    asking: Asking,
    draft: _Needed,
    duration: Annotated[
        str | None, typer.Option(metavar="SECONDS", help="For how long, e.g. 3600s; else a day.")
    ] = None,
) -> None:
    """Put a draft beside the rules in force, in place of the one before."""
    body = {"patch": read_object(draft), **({} if duration is None else {"duration": duration})}
    _show_shadow(asking.show, asking.client.ask("PUT", "/api/sip/shadow", body).body)


@shadow.command("promote")
@asks
def promote_shadow(asking: Asking, if_match: IfMatch = None) -> None:
    """Make the draft the rules."""
    before = asking.client.get("/api/sip")
    after = asking.client.ask("POST", "/api/sip/shadow/promote", headers=tag(if_match))
    put_in_force(asking, before, after)


@shadow.command("drop")
@asks
def drop_shadow(asking: Asking) -> None:
    """Take the draft away, with all that was seen of it."""
    asking.client.ask("DELETE", "/api/sip/shadow")


def _show_shadow(show: Show, found: dict[str, Any]) -> None:
    if show.as_json:
        show.json(found)
        return
    show.facts(
        [
            ("state", f"{found['state']}, until {local(found['until'])}"),
            ("put up", f"{local(found['created'])}, beside version {found['baseVersion']}"),
            ("in force", f"version {found['configVersion']}"),
            ("draft", value(found["patch"])),
            ("attempts", f"{found['attempts']}, of which {found['changed']} would have gone elsewhere"),
            ("not compared", str(found["leftOut"])),
        ]
    )
    show.say("")
    show.table(
        ("calls", "goes", "would go"),
        [(Cell(str(one["count"]), "bold"), one["from"]["words"], one["to"]["words"]) for one in found["moves"]],
        empty="No call would have gone elsewhere.",
    )
    _show_agents(show, found["agents"])
