"""Digits by INFO, as phones and gateways send them by habit; no RFC has the formats."""

from typing import Final

from callgate.core.sip.message import Request, Response, respond

_TYPES: Final = ("application/dtmf-relay", "application/dtmf")
_DIGITS: Final = frozenset("0123456789*#ABCD")
# What INFO's `Duration` may say; a key is not held for longer, and some phones say 0.
_MS_MAX: Final = 10_000
_MS_USUAL: Final = 160


def answer_info(request: Request) -> tuple[Response, tuple[str, int] | None]:
    """The response to an INFO; and its digit with the length in ms, if it has one."""
    if request.content_type not in _TYPES:
        if request.body:
            return respond(request, 415, headers=(("Accept", ", ".join(_TYPES)),)), None
        return respond(request, 200), None  # an empty INFO keeps a session alive
    digit, duration_ms = digit_of(request.body, relay=request.content_type == _TYPES[0])
    if digit is None:
        return respond(request, 400, "No Digit In The Body"), None
    return respond(request, 200), (digit, duration_ms)


def digit_of(body: bytes, *, relay: bool) -> tuple[str | None, int]:
    """The digit and its length in ms of an INFO's body; ``None`` when there is none.

    Args:
        body: any bytes.
        relay: whether it is of ``application/dtmf-relay``, which has lines with names.
    """
    text = body[:200].decode("ascii", "replace")
    signal, duration = ("", "") if relay else (text.strip(), "")
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip().lower() == "signal":
            signal = value.strip()
        elif equals and name.strip().lower() == "duration":
            duration = value.strip()
    digit = {"10": "*", "11": "#"}.get(signal, signal.upper())
    ms = int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 6 else _MS_USUAL
    return (digit if digit in _DIGITS and digit else None), min(ms or _MS_USUAL, _MS_MAX)
