"""`callgate decisions`: why calls went where they went."""

import time
from typing import Annotated, Any

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks
from callgate.cli.client import Query, at
from callgate.cli.errors import Failed, Refused, Unreachable
from callgate.cli.given import AgentOption, Limit, Since, Until, agent_named, moment
from callgate.cli.ladder import dialled, show_decision, verdict
from callgate.cli.rehearsal import show_suggestions
from callgate.cli.show import Cell, Show, local
from callgate.cli.tail import LOOK_EVERY_S, Tail

app = typer.Typer(help="Why calls went where they went.", no_args_is_help=True, add_completion=False)

_Verdict = Annotated[str | None, typer.Option("--verdict", help="admit, refuse or ignore.")]
_Outcome = Annotated[str | None, typer.Option(help="Of a refusal, e.g. no-rule-matched.")]
_Source = Annotated[str | None, typer.Option("--from", metavar="ADDRESS", help="IP address that the call came from.")]
_Call = Annotated[
    str | None, typer.Option(metavar="CALL", help="The call that came of it.", autocompletion=completion.calls)
]

# Columns of lines that are written before the next ones are known: an IPv4 address, a number with its country.
_SOURCE_WIDTH = 15
_DIALLED_WIDTH = 16
_BUSY = (429, 502, 503, 504)


@app.command("list")
@asks
def list_decisions(
    asking: Asking,
    decided: _Verdict = None,
    outcome: _Outcome = None,
    source: _Source = None,
    agent: AgentOption = None,
    call: _Call = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
) -> None:
    """List the records of INVITEs, newest first."""
    query = [
        *_filters(asking, decided, outcome, source, agent, call),
        ("fromDate", moment("--since", since)),
        ("toDate", moment("--until", until)),
    ]
    page = asking.client.listed("/api/sip/decisions", query, limit)
    asking.show.page(
        page,
        ("at", "verdict", "from", "dialled", "why", "decision"),
        lambda one: (
            local(one["at"]),
            verdict(one),
            one["sourceAddress"],
            dialled(one),
            one["summary"],
            one["decisionId"],
        ),
        empty="There are none.",
    )


@app.command("tail")
@asks
def tail(
    asking: Asking,
    last: Annotated[int, typer.Option(min=0, max=1_000, help="Show so many that were there before.")] = 10,
    decided: _Verdict = None,
    outcome: _Outcome = None,
    source: _Source = None,
    agent: AgentOption = None,
    call: _Call = None,
) -> None:
    """Follow the decisions as they are made, until Ctrl-C.

    With --json a record a line. A stranger's attempts of a minute are one record, shown when the first has come.
    """
    followed = Tail(asking.client, _filters(asking, decided, outcome, source, agent, call))
    for record in followed.begin(last):
        _tell(asking.show, record)
    away = False
    while True:
        time.sleep(LOOK_EVERY_S)
        try:
            records = followed.look()
        except Failed as error:
            if not isinstance(error, Unreachable) and not (isinstance(error, Refused) and error.status in _BUSY):
                raise
            if not away:
                asking.note(f"{error}; trying again until Ctrl-C")
            away = True
            continue
        if away:
            asking.note("the node answers again")
        away = False
        for record in records:
            _tell(asking.show, record)


@app.command("show")
@asks
def show(
    asking: Asking,
    decision_id: Annotated[
        str | None,
        typer.Argument(metavar="[DECISION]", help="Its id; else the newest.", autocompletion=completion.decisions),
    ] = None,
) -> None:
    """Show one decision: every step in words; of a refusal also what would have let the call in."""
    if decision_id is None:
        found = asking.client.listed("/api/sip/decisions", limit=1)["results"]
        if not found:
            raise Failed("no call has come yet")
        decision = found[0]
    else:
        decision = asking.client.get(at("/api/sip/decisions", decision_id)).body
    if asking.show.as_json:
        asking.show.json(decision)
        return
    show_decision(asking.show, decision)
    if decision["verdict"] == "refuse":
        suggested = asking.client.get(at("/api/sip/decisions", decision["decisionId"], "suggestions")).body
        asking.show.say("")
        show_suggestions(asking.show, suggested)
        if suggested["suggestions"]:
            asking.show.say(f"`callgate sip suggestions {decision['decisionId']} --apply N` makes one of these.")


def _filters(
    asking: Asking, verdict: str | None, outcome: str | None, source: str | None, agent: str | None, call: str | None
) -> Query:
    return [
        ("verdict", verdict),
        ("outcome", outcome),
        ("sourceAddress", source),
        ("agentId", None if agent is None else agent_named(asking.client, agent)),
        ("callId", call),
    ]


def _tell(show: Show, record: dict[str, Any]) -> None:
    if show.as_json:
        show.line_of_json(record)
        return
    found = verdict(record)
    show.say(
        Cell(local(record["at"], "%H:%M:%S"), "dim"),
        Cell(f"{found.text:6}", found.style),
        f"{record['sourceAddress']:{_SOURCE_WIDTH}}",
        f"{dialled(record):{_DIALLED_WIDTH}}",
        record["summary"],
        Cell(record["decisionId"], "dim"),
    )
