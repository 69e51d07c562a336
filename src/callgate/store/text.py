"""Text as databases take it: JSON, and what they say when something fails."""

import re
from typing import Any, Final

import msgspec

_NUL: Final = "\0"
# What stands for a character that cannot be kept.
_REPLACEMENT: Final = "\ufffd"
# U+0000 as JSON has it: after an even number of backslashes.
_NUL_IN_JSON: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def to_json(value: Any) -> str:
    """JSON as every part of the store writes it.

    Raises:
        TypeError: it cannot be written as JSON.
        UnicodeEncodeError: it holds a lone surrogate.
    """
    return msgspec.json.encode(value).decode()


def without_nul(text: str) -> str:
    """A text with U+FFFD in place of U+0000, which PostgreSQL keeps in no text; callers may have written it."""
    return text.replace(_NUL, _REPLACEMENT) if _NUL in text else text


def to_json_without_nul(value: Any) -> str:
    r"""The same for JSON: PostgreSQL would keep ``\u0000``, and fail whenever it looks into it.

    Raises:
        TypeError: it cannot be written as JSON.
        UnicodeEncodeError: it holds a lone surrogate.
    """
    text = to_json(value)
    return _NUL_IN_JSON.sub(rf"\1{_REPLACEMENT}", text) if "\\u0000" in text else text


def words_of(error: BaseException) -> str:
    """What the database says, in one line, without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    return " ".join(str(primary or cause).split()).lower()
