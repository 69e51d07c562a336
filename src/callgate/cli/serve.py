"""`callgate serve`: the flags, one per setting that has one, and what the operator is told at the start."""

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from callgate.config.declaration import Declaration
from callgate.config.load import SettingError, load
from callgate.config.settings import DEFAULTS, declarations

EXIT_CANNOT_START = 2


def serve_command() -> Callable[..., None]:
    """The command, its signature made from the table of settings."""

    def serve(**given: Any) -> None:
        """Answer calls: SIP, the HTTP API and the agents, until Ctrl-C."""
        # Here, so that `callgate call` and `--help` need not load the server.
        from callgate.app.first_start import CannotStart
        from callgate.app.run import run_server

        demo, config, self_call = given.pop("demo"), given.pop("config"), given.pop("self_call")
        try:
            settings = load(given, os.environ, config)
            code = run_server(settings, demo=demo, self_call=self_call)
        except (SettingError, CannotStart) as error:
            print(f"callgate: {error}", file=sys.stderr)
            code = EXIT_CANNOT_START
        raise typer.Exit(code)

    parameters = [_parameter(declaration) for declaration in declarations() if declaration.flag]
    parameters += [
        inspect.Parameter(
            "config",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[Path | None, typer.Option("--config", help="Settings from a TOML file.")],
        ),
        inspect.Parameter(
            "demo",
            inspect.Parameter.KEYWORD_ONLY,
            default=False,
            annotation=Annotated[
                bool,
                typer.Option("--demo", help="Give an empty data folder an agent named demo, and admit 127.0.0.0/8."),
            ],
        ),
        inspect.Parameter(
            "self_call",
            inspect.Parameter.KEYWORD_ONLY,
            default=True,
            annotation=Annotated[
                bool,
                typer.Option("--self-call/--no-self-call", help="Place one call to itself at the start, as proof."),
            ],
        ),
    ]
    serve.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    serve.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return serve


def _parameter(declaration: Declaration) -> inspect.Parameter:
    default = getattr(DEFAULTS, declaration.attribute)
    shown = f" [default: {default}]" if default not in ("", ()) else ""
    option = typer.Option(
        declaration.option,
        help=declaration.help + shown,
        metavar=declaration.unit.upper() or "TEXT",
        show_default=False,
    )
    return inspect.Parameter(
        declaration.attribute,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


app = typer.Typer(add_completion=False)
app.command()(serve_command())
