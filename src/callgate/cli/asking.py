"""What all commands share that ask a node: the options that say which, and how they fail."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from callgate.cli.client import Client
from callgate.cli.errors import Failed, Misused
from callgate.cli.node import Node, find_node
from callgate.cli.show import Show, printable

EXIT_FAILED: Final = 1
EXIT_MISUSED: Final = 2
EXIT_INTERRUPTED: Final = 130

_PANEL: Final = "The node"
_OPTIONS: Final = {
    "node_url": (
        str | None,
        None,
        typer.Option(
            "--url",
            metavar="URL",
            rich_help_panel=_PANEL,
            help="Where it is; else CALLGATE_URL, else where this machine's listens (CALLGATE_HTTP_BIND).",
        ),
    ),
    "node_key": (
        str | None,
        None,
        typer.Option(
            "--key",
            metavar="KEY",
            rich_help_panel=_PANEL,
            help="API key. Better in CALLGATE_API_KEY, for others see arguments in `ps`; else the data folder's, "
            "for a node on this machine.",
        ),
    ),
    "node_data_dir": (
        Path | None,
        None,
        typer.Option(
            "--data-dir",
            metavar="FOLDER",
            rich_help_panel=_PANEL,
            help="Its data folder, where the first start left a key; else CALLGATE_DATA_DIR, else callgate-data.",
        ),
    ),
    "as_json": (bool, False, typer.Option("--json", help="Print the API's JSON and no words.")),
}


NODE_OPTIONS: Final = tuple(_OPTIONS)
"""Names of the parameters that all commands have which ask a node."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One command at work.

    Attributes:
        client: asks the node.
        show: what is printed.
    """

    client: Client
    show: Show

    def note(self, words: str) -> None:
        """Something beside the answer, to standard error."""
        _complain(words, self.client.node)


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function whose first parameter is an `Asking`: with options, and with failures in words."""
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        node: Node | None = None
        options = {name: given.pop(name) for name in _OPTIONS}
        try:
            node = find_node(options["node_url"], options["node_key"], options["node_data_dir"], os.environ)
            command(Asking(Client(node), Show(as_json=options["as_json"])), **given)
            sys.stdout.flush()
        except Failed as error:
            _complain(str(error), node)
            raise typer.Exit(EXIT_FAILED) from None
        except Misused as error:
            _complain(str(error), node)
            raise typer.Exit(EXIT_MISUSED) from None
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:  # of standard output alone: `client` has words of its own for a lost node
            # Whoever read has had enough. What is still in the buffer must not fail again at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
        for name, (kind, default, option) in _OPTIONS.items()
    ]
    kept = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([*kept, *options])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*kept, *options)}
    return run


def confirm(question: str, *, yes: bool) -> None:
    """Have a person say yes to what cannot be undone.

    Raises:
        Misused: nobody is there to be asked, or the answer is no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Misused(f"{question} Nobody is at the terminal to answer; expected --yes")
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Misused("nothing was changed")


def _complain(words: str, node: Node | None) -> None:
    for line in words.split("\n"):
        text = printable(line)
        if node is not None and node.key:
            text = text.replace(node.key, "(the key)")
        print(f"callgate: {text}", file=sys.stderr)
