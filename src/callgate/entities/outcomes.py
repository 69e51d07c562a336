"""The catalogue of how an attempt or a call can end. Logs, metrics, API, webhooks and docs all read these rows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Doing(StrEnum):
    """Whose doing an end is."""

    CALLER = "caller"
    CARRIER = "carrier"
    AGENT = "agent"  # the agent, or its owner's settings
    HANDLER = "handler"  # the owner's fallback handler
    US = "us"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way to end.

    Attributes:
        slug: stable name; metric label and API value.
        doing: whose doing it is.
        status: SIP status sent to the caller; ``None`` when the call was answered or the status is not ours to choose.
        end_reason: the public ``endReason`` of the Call; ``None`` when no Call comes of it.
        words: for people, one sentence.
    """

    slug: str
    doing: Doing
    status: int | None
    end_reason: str | None
    words: str


_ROWS: Final = (
    # Before any rule: the request itself, and where it came from.
    Outcome("noise", Doing.CALLER, None, None, "The source keeps calling without ever being admitted; not answered."),
    Outcome("malformed", Doing.CALLER, 400, None, "The INVITE breaks the rules of SIP."),
    Outcome("extension-required", Doing.CALLER, 420, None, "The INVITE requires an extension that is not offered."),
    Outcome("interval-too-small", Doing.CALLER, 422, None, "The INVITE asks for a session interval below 90 s."),
    Outcome("merged-request", Doing.CARRIER, 482, None, "The same INVITE arrived a second time by another path."),
    Outcome("source-not-allowed", Doing.CALLER, 403, None, "The source address is in none of the account's ranges."),
    Outcome("no-account", Doing.CALLER, 403, None, "The INVITE names no account's domain."),
    Outcome("proxy-header-missing", Doing.CARRIER, 403, None, "Our proxy did not say, once, whom it speaks for."),
    Outcome("credentials-missing", Doing.CALLER, 401, None, "The caller was asked to prove itself."),
    Outcome("credentials-stale", Doing.CALLER, 401, None, "The caller was asked to prove itself anew."),
    Outcome("credentials-wrong", Doing.CALLER, 401, None, "The caller's username or password is wrong."),
    # An admitted source, before any rule about users.
    Outcome("no-common-codec", Doing.CALLER, 488, None, "The offer has no audio that can be taken."),
    Outcome("offer-not-sdp", Doing.CALLER, 415, None, "The body of the INVITE is not SDP."),
    Outcome("replaces-refused", Doing.CALLER, 403, None, "The caller may not go on with the call that it names."),
    Outcome("replaces-nothing", Doing.CALLER, 481, None, "The call that is to go on does not exist, or not yet."),
    Outcome("draining", Doing.US, 503, None, "The node is shutting down and takes no new calls."),
    Outcome("node-full", Doing.US, 503, None, "The node carries as many calls as it may."),
    Outcome("no-port", Doing.US, 503, None, "No RTP port is free."),
    Outcome("account-limit", Doing.AGENT, 480, None, "The account has as many calls as it may."),
    Outcome("agent-limit", Doing.AGENT, 480, None, "The agent has as many calls as it may."),
    Outcome("source-rate", Doing.CALLER, 480, None, "The source calls more often than it may."),
    # The rules.
    Outcome("no-rule-matched", Doing.AGENT, 603, None, "No rule of the account lets the dialled user through."),
    Outcome("handler-rejected", Doing.HANDLER, None, None, "The fallback handler rejected the call."),
    Outcome("handler-timeout", Doing.HANDLER, 504, None, "The fallback handler did not answer in time."),
    Outcome("handler-failed", Doing.HANDLER, 502, None, "The fallback handler failed or gave no valid answer."),
    # Admitted.
    Outcome("template-unfit", Doing.AGENT, 500, None, "The agent's template or context schema does not fit the call."),
    Outcome("agent-unreachable", Doing.AGENT, 480, "connection_error", "The agent's brain is unreachable or refuses."),
    Outcome("agent-not-ready", Doing.AGENT, 480, "unjoined", "The agent was not ready within the join timeout."),
    Outcome("not-joined", Doing.CALLER, None, "unjoined", "Nobody joined the call within its join timeout."),
    Outcome("callee-busy", Doing.CALLER, None, "unjoined", "Whom we called is busy."),
    Outcome("callee-declined", Doing.CALLER, None, "unjoined", "Whom we called does not want the call."),
    Outcome("callee-unknown", Doing.AGENT, None, "unjoined", "Nobody is known where we called."),
    Outcome("callee-unreachable", Doing.CARRIER, None, "unjoined", "Whom we called cannot be reached."),
    Outcome("callee-silent", Doing.CALLER, None, "unjoined", "Whom we called did not answer in time."),
    Outcome("caller-cancelled", Doing.CALLER, 487, "unjoined", "The caller hung up before the agent answered."),
    Outcome("no-prack", Doing.CARRIER, 504, "connection_error", "The ringing, which had to be, was not acknowledged."),
    Outcome("no-ack", Doing.CARRIER, None, "connection_error", "The answer was never acknowledged."),
    Outcome("answer-unusable", Doing.CARRIER, 488, "connection_error", "The peer's SDP does not fit our offer."),
    Outcome("caller-hangup", Doing.CALLER, None, "hangup", "The caller hung up."),
    Outcome(
        "transfer-failed", Doing.CALLER, None, "hangup", "The caller sent the call on and left, and nobody took it."
    ),
    Outcome("agent-hangup", Doing.AGENT, None, "agent_hangup", "The agent hung up."),
    Outcome("api-hangup", Doing.AGENT, None, "agent_hangup", "The call was hung up through the API."),
    Outcome("inactivity", Doing.AGENT, None, "agent_hangup", "The caller stayed silent; the agent hung up."),
    Outcome("max-duration", Doing.AGENT, None, "timeout", "The call reached its maximum duration."),
    Outcome("agent-lost", Doing.AGENT, None, "connection_error", "The agent's brain failed during the call."),
    Outcome("connection-lost", Doing.CARRIER, None, "connection_error", "The caller's side vanished without a BYE."),
    Outcome("media-timeout", Doing.CARRIER, None, "connection_error", "Neither sound nor reports came for too long."),
    Outcome("drained", Doing.US, 503, "system_error", "The node shut down before the call had ended."),
    Outcome("worker-lost", Doing.US, None, "system_error", "The media worker of the call died."),
    Outcome("node-lost", Doing.US, None, "system_error", "The node ended before the call did."),
    Outcome("failure", Doing.US, 500, "system_error", "A failure of Callgate itself."),
)

OUTCOMES: Final[dict[str, Outcome]] = {row.slug: row for row in _ROWS}
