"""`callgate agents`: the agents that answer."""

from typing import Annotated, Any

import typer

from callgate.cli.asking import Asking, asks, confirm
from callgate.cli.client import at
from callgate.cli.errors import Misused
from callgate.cli.given import AgentName, Limit, Yes, agent_named, read_object
from callgate.cli.show import Show, local, value

app = typer.Typer(help="The agents that answer.", no_args_is_help=True, add_completion=False)

_Prompt = Annotated[str | None, typer.Option(metavar="TEXT", help="System prompt; may hold {{variables}}.")]
_Model = Annotated[str | None, typer.Option(help="One of those that the node offers.")]
_Voice = Annotated[str | None, typer.Option(help="One of the model's.")]
_Template = Annotated[
    str | None, typer.Option(metavar="FILE", help="JSON of the call template, under these; -: standard input.")
]


@app.command("list")
@asks
def list_agents(
    asking: Asking,
    search: Annotated[str | None, typer.Option(help="Part of the name.")] = None,
    limit: Limit = 20,
) -> None:
    """List the agents."""
    page = asking.client.listed("/api/agents", [("search", search)], limit)
    asking.show.page(
        page,
        ("name", "calls", "model", "created", "agent"),
        lambda one: (
            one["name"],
            str(one["statistics"]["calls"]),
            value((one["callTemplate"] or {}).get("model")),
            local(one["created"]),
            one["agentId"],
        ),
        empty="There are none.",
    )


@app.command("show")
@asks
def show(asking: Asking, agent: AgentName) -> None:
    """Show one agent with its call template."""
    _tell(asking.show, asking.client.get(at("/api/agents", agent_named(asking.client, agent))).body)


@app.command("create")
@asks
def create(
    asking: Asking,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    prompt: _Prompt = None,
    model: _Model = None,
    voice: _Voice = None,
    template: _Template = None,
) -> None:
    """Make an agent."""
    body = {"name": name, "callTemplate": _changes(prompt, model, voice, template)}
    _tell(asking.show, asking.client.ask("POST", "/api/agents", body).body)


@app.command("set")
@asks
def set_agent(
    asking: Asking,
    agent: AgentName,
    name: Annotated[str | None, typer.Option(help="What it is to be called.")] = None,
    prompt: _Prompt = None,
    model: _Model = None,
    voice: _Voice = None,
    template: _Template = None,
) -> None:
    """Change an agent, for calls that begin from now on; what is not named stays."""
    changes = _changes(prompt, model, voice, template)
    body = {**({} if name is None else {"name": name}), **({"callTemplate": changes} if changes else {})}
    if not body:
        raise Misused("nothing to set; expected --name, --prompt, --model, --voice or --template")
    agent_id = agent_named(asking.client, agent)
    _tell(asking.show, asking.client.ask("PATCH", at("/api/agents", agent_id), body).body)


@app.command("delete")
@asks
def delete(asking: Asking, agent: AgentName, yes: Yes = False) -> None:
    """Delete an agent, and its entries in the rules."""
    agent_id = agent_named(asking.client, agent)
    confirm(f"Delete the agent {agent} and its rules?", yes=yes)
    asking.client.ask("DELETE", at("/api/agents", agent_id))


def _changes(prompt: str | None, model: str | None, voice: str | None, template: str | None) -> dict[str, Any]:
    """The keys of a call template that are given; options win over the file."""
    held = {} if template is None else read_object(template)
    given = {"systemPrompt": prompt, "model": model, "voice": voice}
    return {**held, **{key: said for key, said in given.items() if said is not None}}


def _tell(show: Show, agent: dict[str, Any]) -> None:
    if show.as_json:
        show.json(agent)
        return
    template = dict(agent["callTemplate"] or {})
    prompt = template.pop("systemPrompt", None)
    show.facts(
        [
            ("agent", agent["agentId"]),
            ("name", agent["name"]),
            ("created", local(agent["created"])),
            ("calls", str(agent["statistics"]["calls"])),
            *((key, value(held)) for key, held in template.items()),
        ]
    )
    if prompt:
        show.say("")
        show.text(prompt)
