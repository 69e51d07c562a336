"""One real call to itself at the start: proof that a call gets through, told as a short story."""

from ipaddress import ip_address

from callgate.app.first_start import DEMO_NAME
from callgate.app.server import Server
from callgate.core.admission.explain import explain_trace
from callgate.entities.outcomes import OUTCOMES
from callgate.entities.page import PageWanted
from callgate.phone.phone import Unreachable, place_call
from callgate.store.decisions import DecisionFilter

# Long enough for the greeting's first sentence, short enough for whoever waits for the prompt.
_DURATION_S = 2.5


async def call_itself(server: Server) -> str:
    """Call the demo agent over UDP like any softphone would; what came of it, in a few lines."""
    host, port = server.sip_address
    if ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    shown = f"[{host}]" if ":" in host else host
    try:
        report = await place_call(
            f"sip:{DEMO_NAME}@{shown}:{port}", from_uri=f"sip:self-call@{shown}", duration_s=_DURATION_S
        )
    except (Unreachable, OSError) as error:
        return f"\nThe call to itself could not be placed: {error}"
    await server.settled()
    store = server.store
    account_id = store.snapshot.accounts[0].account_id
    found = (await store.list_decisions(account_id, PageWanted(1), DecisionFilter(source=host))).items
    lines = ["", "One call to itself, over UDP:", ""]
    lines += [f"  decided       {explain_trace(record.trace)[-1]}" for record in found]
    if report.status != 200:
        return "\n".join([*lines, f"  refused       {report.status or ''} {report.reason}"])
    lines.append(f"  answered      after {report.answered_ms:.0f} ms")
    call_id = found[0].call_id if found else None
    call = await store.get_call(account_id, call_id) if call_id else None
    said = await store.messages(call_id) if call_id else []
    words = next((f": “{message.text}”" for message in said if message.role == "MESSAGE_ROLE_AGENT"), "")
    lines.append(f"  heard         {report.heard_ms / 1000:.1f} s of sound{words}")
    if call is not None and call.outcome is not None:
        lines.append(f"  ended         {OUTCOMES[call.outcome].words} ({call.outcome})")
    return "\n".join(lines)
