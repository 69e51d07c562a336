"""What a shell offers for the ids of a node's things. A node that is slow, away or unwilling offers nothing."""

import os
from typing import Any, Final

import typer

from callgate.cli.client import Client, at
from callgate.cli.errors import Failed, Misused
from callgate.cli.node import find_node
from callgate.cli.show import local, printable

Offers = list[tuple[str, str]]
"""Words, each with what it stands for."""

# Longer, and whoever pressed the key thinks that the shell hangs.
_ANSWER_S: Final = 0.7
_OFFERED_MAX: Final = 50


def agents(context: typer.Context, incomplete: str) -> Offers:
    """Names of agents, where a shell need not quote them, and ids."""
    found = _listed(context, "/api/agents")
    names = [(one["name"], one["agentId"]) for one in found if one["name"].replace("-", "").replace("_", "").isalnum()]
    return _fitting([*names, *((one["agentId"], one["name"]) for one in found)], incomplete)


def calls(context: typer.Context, incomplete: str) -> Offers:
    """Ids of the newest calls."""
    found = _listed(context, "/api/calls", ("sort", "-created"))
    return _fitting(
        [(one["callId"], _told(one["created"], (one["agent"] or {}).get("name"))) for one in found], incomplete
    )


def decisions(context: typer.Context, incomplete: str) -> Offers:
    """Ids of the newest decisions."""
    found = _listed(context, "/api/sip/decisions")
    return _fitting([(one["decisionId"], _told(one["at"], one["summary"])) for one in found], incomplete)


def refusals(context: typer.Context, incomplete: str) -> Offers:
    """Ids of the newest refusals."""
    found = _listed(context, "/api/sip/decisions", ("verdict", "refuse"))
    return _fitting([(one["decisionId"], _told(one["at"], one["summary"])) for one in found], incomplete)


def keys(context: typer.Context, incomplete: str) -> Offers:
    """Prefixes of API keys."""
    return _fitting([(one["prefix"], one["name"]) for one in _listed(context, "/api/api_keys")], incomplete)


def webhooks(context: typer.Context, incomplete: str) -> Offers:
    """Ids of webhooks."""
    return _fitting([(one["webhookId"], one["url"]) for one in _listed(context, "/api/webhooks")], incomplete)


def deliveries(context: typer.Context, incomplete: str) -> Offers:
    """Ids of what the webhook named before was told, or is to be told."""
    webhook = context.params.get("webhook_id")
    found = _listed(context, at("/api/webhooks", webhook, "deliveries")) if webhook else []
    return _fitting([(one["deliveryId"], f"{one['event']} {one['state']}") for one in found], incomplete)


def versions(context: typer.Context, incomplete: str) -> Offers:
    """Numbers of former rules."""
    found = _listed(context, "/api/sip/versions")
    return _fitting([(str(one["number"]), _told(one["created"], one["changedBy"])) for one in found], incomplete)


def _listed(context: typer.Context, path: str, *query: tuple[str, str]) -> list[dict[str, Any]]:
    given = context.params
    try:
        node = find_node(given.get("node_url"), given.get("node_key"), given.get("node_data_dir"), os.environ)
        page = Client(node, _ANSWER_S).listed(path, query, _OFFERED_MAX)
    except (Failed, Misused):
        return []
    results: list[dict[str, Any]] = page["results"]
    return results


def _fitting(offers: Offers, incomplete: str) -> Offers:
    return [(word, printable(words)) for word, words in offers if word.startswith(incomplete)]


def _told(at_time: str, words: str | None) -> str:
    return f"{local(at_time)} {words or ''}".rstrip()
