"""`callgate webhooks`: endpoints that are told of calls."""

from typing import Annotated, Any, Final

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks, confirm
from callgate.cli.client import at
from callgate.cli.given import AgentOption, Limit, Yes, agent_named
from callgate.cli.show import Cell, local, value

app = typer.Typer(help="Endpoints that are told of calls.", no_args_is_help=True, add_completion=False)

_EVENTS: Final = ["call.started", "call.joined", "call.ended"]

_WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.", autocompletion=completion.webhooks)]


@app.command("list")
@asks
def list_webhooks(asking: Asking, agent: AgentOption = None, limit: Limit = 20) -> None:
    """List the webhooks, newest first."""
    query = [("agentId", None if agent is None else agent_named(asking.client, agent))]
    page = asking.client.listed("/api/webhooks", query, limit)
    asking.show.page(
        page,
        ("status", "url", "events", "last failure", "webhook"),
        lambda one: (
            Cell(one["status"], "red" if one["status"] == "unhealthy" else "green"),
            one["url"],
            ", ".join(one["events"]),
            _failure(one),
            one["webhookId"],
        ),
        empty="There are none.",
    )


@app.command("create")
@asks
def create(
    asking: Asking,
    url: Annotated[str, typer.Argument(help="Where it is told.")],
    event: Annotated[
        list[str] | None, typer.Option(help=f"May be given again; {', '.join(_EVENTS)} by default.")
    ] = None,
    agent: AgentOption = None,
) -> None:
    """Make a webhook; it hears of what happens from now on. Its secret is shown: requests are signed with it."""
    body: dict[str, Any] = {"url": url, "events": event or _EVENTS}
    if agent is not None:
        body["agentId"] = agent_named(asking.client, agent)
    made = asking.client.ask("POST", "/api/webhooks", body).body
    if asking.show.as_json:
        asking.show.json(made)
        return
    asking.show.facts(
        [("webhook", made["webhookId"]), ("url", made["url"]), ("secret", ", ".join(made["secrets"]) or "-")]
    )


@app.command("delete")
@asks
def delete(asking: Asking, webhook_id: _WebhookId, yes: Yes = False) -> None:
    """Delete a webhook, and whatever waits for it."""
    confirm(f"Delete the webhook {webhook_id} and whatever waits for it?", yes=yes)
    asking.client.ask("DELETE", at("/api/webhooks", webhook_id))


@app.command("deliveries")
@asks
def deliveries(
    asking: Asking,
    webhook_id: _WebhookId,
    state: Annotated[str | None, typer.Option(help="waiting, delivered or failed.")] = None,
    limit: Limit = 20,
) -> None:
    """List what a webhook was told and is to be told, newest first."""
    page = asking.client.listed(at("/api/webhooks", webhook_id, "deliveries"), [("state", state)], limit)
    asking.show.page(
        page,
        ("created", "event", "state", "tries", "next try", "failure", "call", "delivery"),
        lambda one: (
            local(one["created"]),
            one["event"],
            one["state"],
            str(one["tries"]),
            local(one["nextTry"]),
            value(one["failure"]),
            one["callId"],
            one["deliveryId"],
        ),
        empty="There are none.",
    )


@app.command("redeliver")
@asks
def redeliver(
    asking: Asking,
    webhook_id: _WebhookId,
    delivery_id: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="Its id.", autocompletion=completion.deliveries)
    ],
) -> None:
    """Have a webhook told again, or at once."""
    path = at("/api/webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
    found = asking.client.ask("POST", path).body
    if asking.show.as_json:
        asking.show.json(found)


def _failure(webhook: dict[str, Any]) -> str:
    recent = webhook["recentFailures"]
    return f"{local(recent[0]['timestamp'])} {recent[0]['failure']}" if recent else "-"
