"""Why a request was refused or a call ended, in words: RFC 3326 section 2 (The Reason Header Field)."""

from typing import Final

from callgate.core.sip.errors import SipError
from callgate.core.sip.headers import Headers
from callgate.core.sip.text import storable

_WORDS_CHARS_MAX: Final = 200  # keeps a refusal in one small datagram


def write_reason(protocol: str, code: int, words: str) -> str:
    """The value of a Reason header; characters that would end or break the text become apostrophes."""
    words = words[:_WORDS_CHARS_MAX]
    quoted = words
    if not words.isprintable() or '"' in words or "\\" in words:
        quoted = "".join(c if c.isprintable() and c not in '"\\' else "'" for c in words)
    return f'{protocol};cause={code};text="{quoted}"'


def why(status: int, words: str | None) -> tuple[tuple[str, str], ...]:
    """The headers in which a refusal says why, to peers that have been admitted."""
    return (("Reason", write_reason("SIP", status, words)),) if words else ()


def reason_words(headers: Headers) -> str:
    """The text of a Reason header, or its whole value, storable; empty without one."""
    try:
        value = storable(headers.get("Reason") or "")
    except SipError:
        return ""
    _, found, rest = value.partition('text="')
    return rest.partition('"')[0] if found else value
