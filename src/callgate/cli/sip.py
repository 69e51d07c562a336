"""`callgate sip`: the rules that are in force, were, or might be."""

from typing import Annotated

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks
from callgate.cli.client import Answer, at
from callgate.cli.given import IfMatch, Limit, tag
from callgate.cli.rehearsal import evaluate, replay, shadow, suggestions
from callgate.cli.rules import agent_names, show_rules
from callgate.cli.show import Cell, local, value
from callgate.cli.sip_set import put_in_force, set_rules, show_findings

app = typer.Typer(help="The rules: who may call, and whom they reach.", no_args_is_help=True, add_completion=False)


@app.command("get")
@asks
def get(asking: Asking) -> None:
    """Show the rules in force."""
    answer = asking.client.get("/api/sip")
    if asking.show.as_json:
        asking.show.json(answer.body)
        return
    show_rules(asking, answer.body, _number(answer), agent_names(asking))


app.command("set")(set_rules)
app.command("evaluate")(evaluate)
app.command("replay")(replay)


@app.command("versions")
@asks
def versions(
    asking: Asking,
    number: Annotated[
        int | None,
        typer.Argument(help="Show this one, with its rules.", autocompletion=completion.versions, show_default=False),
    ] = None,
    limit: Limit = 20,
) -> None:
    """List the former rules, newest first, or show one."""
    show = asking.show
    if number is not None:
        found = asking.client.get(at("/api/sip/versions", str(number))).body
        if show.as_json:
            show.json(found)
            return
        show_rules(
            asking,
            found["config"],
            f"{number}, {local(found['created'])}, by {found['changedBy']}",
            agent_names(asking),
        )
        return
    page = asking.client.listed("/api/sip/versions", limit=limit)
    show.page(
        page,
        ("version", "since", "by", "changed"),
        lambda one: (
            str(one["number"]),
            local(one["created"]),
            value(one["changedBy"]),
            ", ".join(one["difference"]) or "-",
        ),
        empty="There are none.",
    )


@app.command("restore")
@asks
def restore(
    asking: Asking,
    number: Annotated[int, typer.Argument(help="Of `callgate sip versions`.", autocompletion=completion.versions)],
    if_match: IfMatch = None,
) -> None:
    """Put the rules of a former version in force again."""
    before = asking.client.get("/api/sip")
    path = at("/api/sip/versions", str(number), "restore")
    after = asking.client.ask("POST", path, headers=tag(if_match))
    put_in_force(asking, before, after)


@app.command("lint")
@asks
def lint(asking: Asking) -> None:
    """Say what is odd about the rules in force, if anything is."""
    found = asking.client.get("/api/sip/lint").body
    if asking.show.as_json:
        asking.show.json(found)
    elif found["findings"]:
        show_findings(asking.show, found)
    else:
        asking.show.say(Cell("nothing is odd", "green"))


app.command("suggestions")(suggestions)
app.add_typer(shadow, name="shadow")


def _number(answer: Answer) -> str:
    return answer.headers.get("etag", "-").strip('"')
