"""What was said in SIP for a call."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SipLog:
    """The messages of one dialog of a call; a call that has gone on over another leg has several.

    Attributes:
        call_id: of which call.
        begun: when its INVITE came, UTC.
        text: a ladder, message by message; the bytes of messages are as they were, so it need not be UTF-8.
    """

    call_id: str
    begun: datetime
    text: bytes
