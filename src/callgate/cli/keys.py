"""`callgate keys`: API keys."""

from typing import Annotated, Any

import typer

from callgate.cli import completion
from callgate.cli.asking import Asking, asks, confirm
from callgate.cli.client import at
from callgate.cli.given import Limit, Yes
from callgate.cli.show import Cell, local

app = typer.Typer(help="API keys.", no_args_is_help=True, add_completion=False)

_Prefix = Annotated[
    str, typer.Argument(metavar="PREFIX", help="The key's first 8 letters or digits.", autocompletion=completion.keys)
]


@app.command("list")
@asks
def list_keys(asking: Asking, limit: Limit = 20) -> None:
    """List the keys, newest first."""
    page = asking.client.listed("/api/api_keys", limit=limit)
    asking.show.page(
        page,
        ("prefix", "name", "may", "created", "last used", "expires"),
        lambda one: (
            one["prefix"],
            one["name"],
            _may(one),
            local(one["created"]),
            local(one["lastUsed"]),
            local(one["expiryDate"]),
        ),
        empty="There are none.",
    )


@app.command("create")
@asks
def create(
    asking: Asking,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    read_only: Annotated[bool, typer.Option("--read-only", help="It may only look, and sees no secrets.")] = False,
    expires: Annotated[str | None, typer.Option(metavar="TIME", help="From when on it is good for nothing.")] = None,
) -> None:
    """Make a key. It is shown this once: the node keeps a digest only."""
    body: dict[str, Any] = {"name": name, "readOnly": read_only}
    if expires is not None:
        body["expiryDate"] = expires
    made = asking.client.ask("POST", "/api/api_keys", body).body
    if asking.show.as_json:
        asking.show.json(made)
        return
    asking.show.say(made["secret"])
    asking.note("the key is shown this once; keep it like a password")


@app.command("revoke")
@asks
def revoke(asking: Asking, prefix: _Prefix, yes: Yes = False) -> None:
    """End a key at once and for ever; it stays in the list."""
    confirm(f"Revoke the key {prefix} for ever?", yes=yes)
    asking.client.ask("PATCH", at("/api/api_keys", prefix), {"revoked": True})


@app.command("delete")
@asks
def delete(asking: Asking, prefix: _Prefix, yes: Yes = False) -> None:
    """Delete a key."""
    confirm(f"Delete the key {prefix}?", yes=yes)
    asking.client.ask("DELETE", at("/api/api_keys", prefix))


def _may(key: dict[str, Any]) -> Cell:
    if key["revoked"]:
        return Cell("nothing: revoked", "red")
    return Cell("look") if key["readOnly"] else Cell("look, change")
