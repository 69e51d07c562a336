"""The command `callgate`: one file per command beside this one."""

import sys
from typing import ClassVar

import typer

from callgate.cli.lazy_group import LazyGroup, Line


class Commands(LazyGroup):
    """All that `callgate` can do."""

    table: ClassVar[dict[str, Line]] = {
        "serve": Line("callgate.cli.serve", "Answer calls: SIP, the HTTP API and the agents, until Ctrl-C."),
        "sip": Line("callgate.cli.sip", "The rules: who may call, and whom they reach."),
        "decisions": Line("callgate.cli.decisions", "Why calls went where they went."),
        "agents": Line("callgate.cli.agents", "The agents that answer."),
        "calls": Line("callgate.cli.calls", "Calls, and what was said in them."),
        "keys": Line("callgate.cli.keys", "API keys."),
        "webhooks": Line("callgate.cli.webhooks", "Endpoints that are told of calls."),
        "accounts": Line("callgate.cli.accounts", "Accounts: each with a domain, rules, keys and limits of its own."),
        "call": Line("callgate.cli.call", "Place one call with the built-in phone, and tell what became of it."),
        "bench": Line("callgate.cli.bench", "Measure what this machine carries."),
    }


app = typer.Typer(
    name="callgate",
    cls=Commands,
    help="The self-hosted front door for phone calls to AI voice agents.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _several() -> None:
    """The self-hosted front door for phone calls to AI voice agents."""


def main() -> None:
    """What the installed script runs."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
