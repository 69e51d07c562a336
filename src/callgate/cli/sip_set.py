"""`callgate sip set`, and what is told of every change of the rules: what differs, and what is odd now."""

import re
from typing import Annotated, Any, Final

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks
from callgate.cli.client import Answer
from callgate.cli.errors import Misused
from callgate.cli.given import IfMatch, one_agent, read_object, tag
from callgate.cli.rules import agent_names, show_differences
from callgate.cli.show import Cell, Show

_LINT_HEADER: Final = "x-callgate-lint"
_SEVERITIES: Final = {"warning": "yellow", "note": "cyan"}

_Texts = list[str] | None


@asks
def set_rules(
    asking: Asking,
    allow_range: Annotated[_Texts, typer.Option(metavar="CIDR", help="Admit a range, e.g. 203.0.113.0/24.")] = None,
    remove_range: Annotated[_Texts, typer.Option(metavar="CIDR", help="Admit a range no more.")] = None,
    all_agents: Annotated[
        bool | None, typer.Option("--all-agents/--no-all-agents", help="Let each agent be reached at agent_<id>.")
    ] = None,
    agent: Annotated[
        _Texts,
        typer.Option(
            metavar="AGENT[=PATTERN]",
            help="Add a rule, as the last: the agent answers what the pattern is found in; agent_<id> without one.",
            autocompletion=completion.agents,
        ),
    ] = None,
    remove_agent: Annotated[
        _Texts,
        typer.Option(
            metavar="AGENT", help="Remove its rules, before others are added.", autocompletion=completion.agents
        ),
    ] = None,
    handler: Annotated[str | None, typer.Option(metavar="URL", help="Ask this fallback handler.")] = None,
    no_handler: Annotated[bool, typer.Option("--no-handler", help="Ask none.")] = False,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON of a whole PATCH instead; -: standard input.")
    ] = None,
    if_match: IfMatch = None,
) -> None:
    """Change the rules; in force for the next call.

    Options that may be given again: the ranges and agents. Whoever changes the rules at the same moment loses nothing:
    this command is refused then.
    """
    flags = (allow_range, remove_range, agent, remove_agent, handler, no_handler or None)
    by_flags = all_agents is not None or any(flags)
    if by_flags and file is not None:
        raise Misused("expected either --file, or options that say what to change")
    if not by_flags and file is None:
        raise Misused("nothing to set; expected --file, or options that say what to change")
    if handler and no_handler:
        raise Misused("expected --handler or --no-handler, not both")
    before = asking.client.get("/api/sip")
    if file is not None:
        body, headers = read_object(file), tag(if_match)
    else:
        config = before.body
        body = {
            **_ranges(config, allow_range or [], remove_range or []),
            **_agents(asking, config, agent or [], remove_agent or []),
            **({} if all_agents is None else {"allowAllAgents": all_agents}),
            **({"fallbackHandler": {"url": handler}} if handler else {"fallbackHandler": None} if no_handler else {}),
        }
        # Lists are sent whole, so they must still be those that were read.
        headers = tag(if_match if if_match is not None else before.headers.get("etag"))
    put_in_force(asking, before, asking.client.ask("PATCH", "/api/sip", body, headers=headers))


def _ranges(config: dict[str, Any], added: list[str], removed: list[str]) -> dict[str, Any]:
    held = list(config["allowedCidrRanges"])
    for one in removed:
        if one not in held:
            raise Misused(f"--remove-range: {one} is not in the rules; they have {', '.join(held) or 'none'}")
        held.remove(one)
    held += [one for one in dict.fromkeys(added) if one not in held]
    return {"allowedCidrRanges": held} if held != config["allowedCidrRanges"] else {}


def _agents(asking: Asking, config: dict[str, Any], added: list[str], removed: list[str]) -> dict[str, Any]:
    if not added and not removed:
        return {}
    known = asking.client.listed("/api/agents")["results"]
    gone = [one_agent(name, known) for name in removed]
    held = [one for one in config["allowedAgents"] if one["agentId"] not in gone]
    for text in added:
        name, _, pattern = text.partition("=")
        agent_id = one_agent(name, known)
        entry = {"agentId": agent_id, "toUserPattern": pattern or f"^agent_{agent_id}$"}
        if entry not in held:
            held.append(entry)
    return {"allowedAgents": held} if held != config["allowedAgents"] else {}


def put_in_force(asking: Asking, before: Answer, after: Answer) -> None:
    """Tell of a change that has been made."""
    show = asking.show
    odd = after.headers.get(_LINT_HEADER, "")
    if show.as_json:
        show.json(after.body)
        if not odd.startswith("findings=0"):
            asking.note(f"lint: {odd}")
        return
    version = after.headers.get("etag", "").strip('"')
    show_differences(asking, before.body, after.body, agent_names(asking))
    show.say(Cell(f"version {version} is in force", "bold"))
    counted = re.match(r"findings=(\d+)", odd)
    if counted is None or int(counted[1]) or "unfinished" in odd:
        show.say("")
        show_findings(show, asking.client.get("/api/sip/lint").body)


def show_findings(show: Show, found: dict[str, Any]) -> None:
    """What is odd about the rules."""
    show.table(
        ("", "finding", "where", "what", "example"),
        [
            (
                Cell(one["severity"], _SEVERITIES.get(one["severity"], "")),
                one["slug"],
                one["where"],
                one["words"],
                one["example"] or "-",
            )
            for one in found["findings"]
        ],
        empty="nothing is odd",
    )
    if found["further"]:
        show.say(f"and {found['further']} further findings")
