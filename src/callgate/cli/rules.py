"""The rules of an account for people, and what differs between two of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from callgate.cli.asking import Asking
from callgate.cli.show import Cell

Names = Mapping[str, str]
"""Names of agents, by id."""


def agent_names(asking: Asking) -> Names:
    """The names of all agents."""
    return {one["agentId"]: one["name"] for one in asking.client.listed("/api/agents")["results"]}


def show_rules(asking: Asking, config: dict[str, Any], version: str, names: Names) -> None:
    """The rules in words, in the order in which a call meets them."""
    show = asking.show
    handler = config["fallbackHandler"]
    show.facts(
        [
            ("version", version),
            *([("domain", str(config["domain"]))] if "domain" in config else []),
            ("ranges", ", ".join(config["allowedCidrRanges"]) or "none: nobody is admitted"),
            ("all agents", "on: agent_<id> reaches each" if config["allowAllAgents"] else "off"),
            ("handler", "none" if handler is None else _handler(handler)),
        ]
    )
    show.say("")
    show.table(
        ("rule", "agent", "dialled user", "agent id"),
        [
            (str(number), names.get(one["agentId"], "gone"), one["toUserPattern"], one["agentId"])
            for number, one in enumerate(config["allowedAgents"], 1)
        ],
        empty="No rule names an agent.",
    )


def show_differences(asking: Asking, before: dict[str, Any], after: dict[str, Any], names: Names) -> None:
    """What differs, a line each."""
    found = list(differences(before, after, names))
    for sign, words in found:
        asking.show.say(Cell(f"{sign} {words}", "green" if sign == "+" else "red"))
    if not found:
        asking.show.say(Cell("nothing changes", "dim"))


def differences(before: dict[str, Any], after: dict[str, Any], names: Names) -> Iterator[tuple[str, str]]:
    """What one has and the other has not, in words, ``-`` before ``+``; order alone is told as such."""
    for field, words in (("allowedCidrRanges", _range), ("allowedAgents", _allowance)):
        old = [words(one, names) for one in before[field]]
        new = [words(one, names) for one in after[field]]
        yield from (("-", one) for one in old if one not in new)
        yield from (("+", one) for one in new if one not in old)
        if old != new and sorted(old) == sorted(new):
            yield "+", f"{field} in another order: {'; '.join(new)}"
    if before["allowAllAgents"] != after["allowAllAgents"]:
        yield "+" if after["allowAllAgents"] else "-", "all agents, each at agent_<id>"
    old_handler, new_handler = before["fallbackHandler"], after["fallbackHandler"]
    if old_handler != new_handler:
        if old_handler is not None:
            yield "-", f"handler {_handler(old_handler)}"
        if new_handler is not None:
            same_words = old_handler is not None and _handler(old_handler) == _handler(new_handler)
            yield "+", f"handler {_handler(new_handler)}{', others' if same_words else ''}"


def _range(text: str, names: Names) -> str:
    return f"range {text}"


def _allowance(entry: dict[str, str], names: Names) -> str:
    agent = entry["agentId"]
    return f"rule: {names.get(agent, agent)} at {entry['toUserPattern']}"


def _handler(handler: dict[str, Any]) -> str:
    """Its address; of its secrets, which stand in the JSON, their number alone."""
    secrets = handler.get("secrets")
    return f"{handler['url']}" + ("" if secrets is None else f", secrets: {len(secrets)}")
