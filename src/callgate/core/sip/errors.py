"""What a peer can do wrong in SIP.

::

    ValueError
    └── SipError      the peer broke the protocol; carries the status to answer with
        └── ParseError    a message, or one field of it, cannot be read

Mistakes of our own (a line break in a header we write, …) are plain ``ValueError``: loud, never caught for flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callgate.core.sip.message import Request


REASON_CHARS_MAX: Final = 300
"""Reasons are kept with refused attempts, and strangers choose what is quoted in them."""


class SipError(ValueError):
    """The peer broke the protocol.

    Attributes:
        status: SIP status that says so, 400 to 699.
        reason: in words: what was wrong and what was expected; what the peer wrote stands in it as `repr` shows it,
            and is cut when it is long.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        if len(reason) > REASON_CHARS_MAX:
            reason = f"{reason[: REASON_CHARS_MAX - 1]}…"
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ParseError(SipError):
    """Bytes that are not a SIP message, or a field that does not follow its grammar.

    Attributes:
        partial: what could be read of a request, enough to send the status back with `message.respond` without keeping
            state; ``None`` when nothing may be answered (a response, no Via, or no SIP at all).
    """

    def __init__(self, reason: str, status: int = 400, partial: Request | None = None) -> None:
        super().__init__(reason, status)
        self.partial = partial
