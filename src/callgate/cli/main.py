"""The command `callgate`: one file per command beside this one."""

import sys

import typer

from callgate.cli.bench import bench
from callgate.cli.call import call
from callgate.cli.serve import serve_command

app = typer.Typer(
    name="callgate",
    help="The self-hosted front door for phone calls to AI voice agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve_command())
app.command("call")(call)
app.add_typer(bench, name="bench")


def main() -> None:
    """What the installed script runs."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
