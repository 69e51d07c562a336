"""Every state machine that is a table: drawn in the docs, and asked by tests. A new one needs a line in `MACHINES`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from callgate.core.call import machine as call
from callgate.core.call import transfer
from callgate.core.sip import invite_usage, offer_answer, reliable, session_timer, subscription
from callgate.core.sip.client_transaction import InviteClientTransaction, NonInviteClientTransaction
from callgate.core.sip.server_transaction import InviteServerTransaction, NonInviteServerTransaction
from callgate.core.sip.transaction import Input, Transaction
from callgate.core.webhook import breaker


@dataclass(frozen=True)
class Machine:
    """A table.

    Attributes:
        title: what it is the machine of.
        words: where the rules stand, and what a reader must know.
        first: the states it may begin in.
        transitions: state and input to what has a `state`, and `effects` or one `effect` or none.
        absorbed: state and input to the reason why nothing happens.
        outside: inputs that a peer, the network or a timer brings whenever they like: every state must answer them.
        page: which of the generated pages shows it.
        endless: whether it has no end, and comes back to its first state instead.
    """

    title: str
    words: str
    first: tuple[Enum, ...]
    transitions: Mapping[Any, Any]
    absorbed: Mapping[Any, str]
    outside: Collection[Enum]
    page: str = "transactions"
    endless: bool = False


def _transaction(title: str, kind: type[Transaction], outside: Collection[Enum]) -> Machine:
    return Machine(title, kind.__doc__ or "", (kind.first,), kind.transitions, kind.absorbed, outside)


_RESPONSES = (Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.TRANSPORT_FAILED)
MACHINES = (
    _transaction(
        "INVITE server transaction", InviteServerTransaction, (Input.REQUEST, Input.ACK, Input.TRANSPORT_FAILED)
    ),
    _transaction("Non-INVITE server transaction", NonInviteServerTransaction, (Input.REQUEST, Input.TRANSPORT_FAILED)),
    _transaction("INVITE client transaction", InviteClientTransaction, _RESPONSES),
    _transaction("Non-INVITE client transaction", NonInviteClientTransaction, _RESPONSES),
    Machine(
        "Dialog of a call",
        "`core/sip/invite_usage.py`. RFC 3261 section 12 (Dialogs), section 15 (Terminating a Session).",
        (invite_usage.State.EARLY,),
        invite_usage.TRANSITIONS,
        invite_usage.ABSORBED,
        (invite_usage.Input.BYE_CAME, invite_usage.Input.WE_LEAVE),
    ),
    Machine(
        "Offer and answer",
        "`core/sip/offer_answer.py`. RFC 3264 section 4 (Protocol Operation).",
        (offer_answer.State.EMPTY, offer_answer.State.OWED, offer_answer.State.ASKED),
        offer_answer.TRANSITIONS,
        offer_answer.ABSORBED,
        (offer_answer.Input.OFFER_CAME, offer_answer.Input.OFFER_WANTED, offer_answer.Input.ENDED),
    ),
    Machine(
        "Reliable provisional responses",
        "`core/sip/reliable.py`. RFC 3262 section 3 (UAS Behavior).",
        (reliable.State.QUIET,),
        reliable.TRANSITIONS,
        reliable.ABSORBED,
        (),  # a PRACK that acknowledges nothing is refused before it comes here
    ),
    Machine(
        "Session timer",
        "`core/sip/session_timer.py`. RFC 4028 section 10 (Performing Refreshes).",
        (session_timer.State.ASLEEP,),
        session_timer.TRANSITIONS,
        session_timer.ABSORBED,
        (session_timer.Input.ENDED,),
    ),
    Machine(
        "Circuit breaker of a fallback handler",
        "`core/webhook/breaker.py`; [what it is for](fallback-handler.md). A call that is absorbed does not ask.",
        (breaker.State.CLOSED,),
        breaker.TRANSITIONS,
        breaker.ABSORBED,
        (breaker.Input.CALLED, breaker.Input.ANSWERED),
        endless=True,
    ),
    Machine(
        "Subscription of a REFER",
        "`core/sip/subscription.py`. RFC 3515 section 2.4.4 (Using SIP Events to Report the Results of the Reference).",
        (subscription.State.QUIET,),
        subscription.TRANSITIONS,
        subscription.ABSORBED,
        (),  # responses come to a NOTIFY of ours only, and news from a target of ours
    ),
    Machine(
        "The life of a call",
        "`core/call/machine.py`.",
        (call.State.REQUESTED, call.State.ASKING),
        call.TRANSITIONS,
        call.ABSORBED,
        (call.Input.CALLER_LEFT, call.Input.CALLER_VANISHED, call.Input.CANCELLED, call.Input.WORKER_LOST),
        page="call",
    ),
    Machine(
        "A call that is sent on",
        "`core/call/transfer.py`. RFC 5589 section 6 (Basic Transfer).",
        (transfer.State.IDLE,),
        transfer.TRANSITIONS,
        transfer.ABSORBED,
        (transfer.Input.REFERRED, transfer.Input.CALLER_LEFT, transfer.Input.ENDED),
    ),
)


def drawn(machine: Machine) -> str:
    """Its diagram, for Mermaid; parallel arrows are one with several inputs."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, input), move in machine.transitions.items():
        arrows.setdefault((_id(state), _id(move.state)), []).append(named(input))
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {_id(state)}" for state in machine.first]
    lines += [f"    {start} --> {end}: {', '.join(inputs)}" for (start, end), inputs in arrows.items()]
    lines += [f"    {_id(state)} --> [*]" for state in ends(machine)]
    return "\n".join([*lines, "```"])


def table(machine: Machine) -> str:
    """Its moves with what they have done."""
    rows = ["| in state | when | then | doing |", "|---|---|---|---|"]
    for (state, input), move in machine.transitions.items():
        effects = ", ".join(named(effect) for effect in _effects(move))
        rows.append(f"| {named(state)} | {named(input)} | {named(move.state)} | {effects} |")
    return "\n".join(rows)


def absorbed(machine: Machine) -> str:
    """What comes and changes nothing; of the end, which absorbs everything for one reason, one row."""
    rows = ["| in state | what | why nothing happens |", "|---|---|---|"]
    last = ends(machine)
    for (state, input), reason in machine.absorbed.items():
        if state not in last:
            rows.append(f"| {named(state)} | {named(input)} | {reason} |")
    for state in last:
        reasons = dict.fromkeys(reason for (at, _), reason in machine.absorbed.items() if at is state)
        rows += [f"| {named(state)} | anything | {reason} |" for reason in reasons]
    return "\n".join(rows)


def states(machine: Machine) -> list[Enum]:
    """Those that can be reached, in the order of the table."""
    return list(dict.fromkeys([*machine.first, *(move.state for move in machine.transitions.values())]))


def ends(machine: Machine) -> list[Enum]:
    """Those that nothing leads out of."""
    left = {state for (state, _), move in machine.transitions.items() if move.state is not state}
    return [state for state in states(machine) if state not in left]


def named(member: object) -> str:
    """A member of an enumeration in words."""
    return str(getattr(member, "name", member)).lower().replace("_", " ")


def _effects(move: Any) -> tuple[Enum, ...]:
    if hasattr(move, "effects"):
        return tuple(move.effects)
    effect: Enum | None = getattr(move, "effect", None)
    return () if effect is None else (effect,)


def _id(member: Enum) -> str:
    return member.name.lower()
