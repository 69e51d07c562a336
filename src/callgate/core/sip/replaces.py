"""The Replaces header: an INVITE that wants to go on with a call that exists. RFC 3891 section 6 (Syntax)."""

import re
from dataclasses import dataclass
from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.parameters import TOKEN, parameter, parse_parameters

_NOT_IN_CALL_ID: Final = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class Replaces:
    """Which dialog is meant, from the view of whoever gets the INVITE.

    Attributes:
        call_id: of the dialog.
        local_tag: its ``to-tag``: the receiver's.
        remote_tag: its ``from-tag``: the peer's.
        early_only: only if nobody has answered yet.
    """

    call_id: str
    local_tag: str
    remote_tag: str
    early_only: bool = False

    def __str__(self) -> str:
        tags = f";to-tag={self.local_tag or '0'};from-tag={self.remote_tag or '0'}"
        return f"{self.call_id}{tags}{';early-only' if self.early_only else ''}"


def parse_replaces(value: str) -> Replaces:
    """Read a Replaces header.

    Raises:
        ParseError: it does not name a dialog by Call-ID and both tags.
    """
    call_id, semicolon, rest = value.partition(";")
    parameters = parse_parameters(rest) if semicolon else ()
    tags = [parameter(parameters, name) or "" for name in ("to-tag", "from-tag")]
    call_id = call_id.strip(" \t")
    if not call_id or _NOT_IN_CALL_ID.search(call_id) or not all(TOKEN.fullmatch(tag) for tag in tags):
        raise ParseError(f"not a Call-ID with to-tag and from-tag: {value[:200]!r}")
    # RFC 3891 section 3 (User Agent Server Behavior: Receiving a Replaces Header): a tag of 0 is that of an RFC 2543
    # peer, which has none.
    local_tag, remote_tag = ("" if tag == "0" else tag for tag in tags)
    return Replaces(call_id, local_tag, remote_tag, any(name == "early-only" for name, _ in parameters))
