"""`callgate call`: place one call with the built-in phone."""

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from callgate.phone.phone import BadCall, Unreachable, place_call
from callgate.phone.report import CallReport
from callgate.phone.sound import SoundFileError

EXIT_NOT_OK = 1
EXIT_BAD_ARGUMENT = 2

app = typer.Typer(add_completion=False)


@app.command()
def call(
    uri: Annotated[str, typer.Argument(help="Whom to call, e.g. sip:demo@127.0.0.1:5060.")],
    transport: Annotated[str, typer.Option(help="udp or tcp.")] = "udp",
    from_uri: Annotated[str, typer.Option("--from", help="Who calls.")] = "sip:phone@127.0.0.1",
    name: Annotated[str | None, typer.Option(help="Display name of who calls.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="'X-Name: value'; may be given again.")] = None,
    play: Annotated[Path | None, typer.Option(help="WAV to send: 8000 Hz, mono, 16 bits.")] = None,
    record: Annotated[Path | None, typer.Option(help="Write what is heard to this WAV.")] = None,
    dtmf: Annotated[str, typer.Option(help="Keys to press; a comma is a pause of a second.")] = "",
    codecs: Annotated[str, typer.Option(help="What is offered, best first: PCMU, PCMA, G722, OPUS.")] = "PCMU,PCMA",
    srtp: Annotated[str, typer.Option(help="off, preferred or required; its keys are sent in the clear.")] = "off",
    duration: Annotated[float, typer.Option(min=0.0, max=86_400.0, help="Seconds from answer to hang-up.")] = 10.0,
    bind: Annotated[str, typer.Option(help="Our IP address; by default that of the route to the callee.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of progress.")] = False,
) -> None:
    """Place one call with the built-in phone, and tell what became of it.

    Exit code 0 only when it was answered and ended normally.
    """

    async def run() -> CallReport:
        hang_up = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, hang_up.set)
        return await place_call(
            uri,
            transport=transport,
            from_uri=from_uri,
            from_display_name=name,
            headers=[_header(text) for text in header or ()],
            play=play,
            record=record,
            digits=dtmf,
            codecs=[codec.strip().upper() for codec in codecs.split(",")],
            srtp=srtp,
            duration_s=duration,
            on_progress=(lambda words: None) if as_json else (lambda words: print(f"  {words}", flush=True)),
            bind=bind,
            hang_up=hang_up,
        )

    try:
        report = asyncio.run(run())
    except Unreachable as error:
        print(f"callgate: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_NOT_OK) from None
    except (BadCall, SoundFileError) as error:
        print(f"callgate: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_BAD_ARGUMENT) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"callgate: {place}{(error.strerror or str(error)).lower()}", file=sys.stderr)
        raise typer.Exit(EXIT_BAD_ARGUMENT) from None
    print(json.dumps(report.as_json()) if as_json else report.story())
    raise typer.Exit(0 if report.ok else EXIT_NOT_OK)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise BadCall(f"not a header: {text!r}; expected 'Name: value'")
    return name.strip(), value.strip()
