"""A group that knows its commands by name and line; a command's file is imported when it is run."""

import importlib
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Line(NamedTuple):
    """A command before its file has been imported.

    Attributes:
        module: where it stands, as a `typer.Typer` called `app`.
        help: what the list of commands says of it.
    """

    module: str
    help: str


class LazyGroup(TyperGroup):
    """Lists `table`, and imports what is run: the server's half a second is the server's alone.

    Attributes:
        table: the commands by name, in the order of the list.
    """

    table: ClassVar[dict[str, Line]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # A name and a line: enough for the list, for a shell that completes, and for "did you mean".
        self.commands = {name: TyperCommand(name, help=line.help) for name, line in self.table.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, which is to be run, or is asked for its help or what completes a word."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name not in self.table else loaded(str(name), self.table[str(name)]), rest


def loaded(name: str, line: Line) -> Any:
    """A command, its file imported."""
    command = typer.main.get_command(importlib.import_module(line.module).app)
    command.name = name
    return command
