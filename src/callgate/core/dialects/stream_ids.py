"""The names that media streams and their REST look-alike give to calls and accounts: two letters and 32 hex digits."""

import re
from typing import Final

_CALL: Final = re.compile(r"CA([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")


def call_sid(call_id: str) -> str:
    """Of a call, by its UUID."""
    return "CA" + _hex(call_id)


def stream_sid(call_id: str) -> str:
    """Of the stream of a call."""
    return "MZ" + _hex(call_id)


def account_sid(account_id: str) -> str:
    """Of an account, by its UUID."""
    return "AC" + _hex(account_id)


def call_id_of(sid: str) -> str | None:
    """The UUID of the call that a name stands for; ``None`` when it is no such name."""
    found = _CALL.fullmatch(sid)
    return None if found is None else "-".join(found.groups())


def _hex(uuid: str) -> str:
    return uuid.replace("-", "").lower().rjust(32, "0")[:32]
