"""Runs a node from its start to its end: what it prints, its one call to itself, what Ctrl-C does."""

import asyncio
import gc
import signal
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import uvloop

from callgate.app.first_start import DEMO_NAME, KEY_FILE
from callgate.app.self_call import call_itself
from callgate.app.server import Server
from callgate.brains.catalogue import speech_level
from callgate.config.settings import Settings
from callgate.runtime.logging import configure_logging
from callgate.signaling.addresses import AddressBook

# Counted references free what calls leave behind, and a full collection beside 3,000 transactions that wait for their
# copies stalls every call. So: the young often enough to take 1 ms, the middle every ten of these, all of it next to
# never. Tests see to it that no call leaves a circle of references (decisions 0006 and 0036).
_COLLECTION_THRESHOLDS: Final = (2_000, 10, 1_000)


def run_server(settings: Settings, *, demo: bool, self_call: bool) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: as loaded.
        demo: give an empty data folder the demo agent.
        self_call: place one call to itself at the start.

    Returns:
        The exit code: 0 after a drain.

    Raises:
        CannotStart: in one line.
        SettingError: likewise.
    """
    return uvloop.run(_run(settings, demo=demo, self_call=self_call))


async def _run(settings: Settings, *, demo: bool, self_call: bool) -> int:
    server = Server(settings, configure_logging(settings.log_format))
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        await server.start(demo=demo)
        # What has been loaded stays: without this, each full collection walks through it and calls wait for 100 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECTION_THRESHOLDS)
        _say(_announcement(server, demo=demo))
        if self_call and demo and not stopping.is_set():
            _say(await call_itself(server))
        await stopping.wait()
        await _drain(server, settings.drain_timeout_s, stopping)
    finally:
        await server.close()
    return 0


async def _drain(server: Server, timeout_s: float, stopping: asyncio.Event) -> None:
    """Let calls end by themselves for a while; a second Ctrl-C ends the waiting."""
    calls = len(server.registry)
    if calls:
        _say(f"\nNo new calls are taken; waiting up to {timeout_s:g} s for {calls} in progress. Ctrl-C ends them now.")
    stopping.clear()
    draining = asyncio.ensure_future(server.drain(timeout_s))
    impatient = asyncio.ensure_future(stopping.wait())
    await asyncio.wait((draining, impatient), return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    if not draining.done():
        draining.cancel()
        await server.drain(0)
    else:
        await draining
    _say("Callgate has stopped.")


def _announcement(server: Server, *, demo: bool) -> str:
    host, port = server.sip_address
    sip = f"{_reached(server, host)}:{port}"
    web = f"{server.http_address[0]}:{server.http_address[1]}"
    kept = "" if server.settings.api_key else f"   (kept in {Path(server.settings.data_dir) / KEY_FILE})"
    name = DEMO_NAME if demo else "agent_<agent_id>"
    lines = [
        "",
        "Callgate is ready.",
        "",
        f"  SIP address   sip:{sip}",
        *(
            f"  SIP over {listener.transport.upper()}  sip:{_reached(server, listener.address)}:{listener.port}"
            f"{'' if listener.transport == 'udp' else f';transport={listener.transport}'}"
            for listener in server.sip_listeners[2:]
        ),
        f"  API address   http://{web}",
        f"  API key       {server.api_key}{kept}",
    ]
    if demo:
        lines.append(f"  Demo agent    {speech_level()}")
    lines += [
        "",
        "Try:",
        f"  .venv/bin/callgate call sip:{name}@{sip}",
        f"  curl http://{web}/api/sip/decisions -H 'X-API-Key: {server.api_key}'",
    ]
    if not demo:
        lines += ["", "Nobody is admitted yet: PATCH /api/sip says who may call, and whom they reach."]
    return "\n".join(lines)


def _reached(server: Server, host: str) -> str:
    """What others reach a listener's address by, as it stands in a URI."""
    if ip_address(host).is_unspecified:
        version = ip_address(host).version
        host = server.listening.outside(4) or server.listening.outside(version)
        host = host or AddressBook("0.0.0.0" if version == 4 else "::").towards("192.0.2.1")  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
