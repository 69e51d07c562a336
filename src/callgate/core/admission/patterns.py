"""Regular expressions of RE2: linear time whatever their author writes, so that no rule can stall a node."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import re2

_LOOK_AROUND: Final = re.compile(r"\(\?<?[=!]|\(\?>")
_BACK_REFERENCE: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:\\[1-9]|\\k[<{']|\(\?P=)")

_NOT_OFFERED: Final = (
    "are not offered, because with them one rule could take exponential time on a hostile caller's name"
)


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False  # otherwise every refused pattern is written to standard error
    return options


_OPTIONS: Final = _options()


def check_pattern(text: str) -> str | None:
    """Why RE2 refuses an expression, in words for its author; ``None`` when it is fine."""
    try:
        re2.compile(text, _OPTIONS)
    except UnicodeEncodeError:
        return "not a valid expression: it has characters that are no text (lone surrogates)"
    except re2.error as error:
        said = error.args[0] if error.args else ""
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        words = f"not a valid RE2 expression: {reason}"
        if _LOOK_AROUND.search(text):
            words += f". Look-ahead and look-behind {_NOT_OFFERED}"
        elif _BACK_REFERENCE.search(text):
            words += f". Back-references {_NOT_OFFERED}"
        return words
    return None


@lru_cache(maxsize=256)  # explanations compile the same few patterns again and again
def compile_pattern(text: str) -> Any:
    """The compiled expression; ``search``, ``match`` and ``fullmatch`` as in `re`.

    Raises:
        ValueError: RE2 refuses it; `check_pattern` says why.
    """
    reason = check_pattern(text)
    if reason is not None:
        raise ValueError(f"{reason}: `{text}`")
    return re2.compile(text, _OPTIONS)


class PatternList:
    """Patterns in the order of their owner, tried together in one pass.

    Args:
        patterns: each one that `check_pattern` accepts.

    Raises:
        ValueError: RE2 refuses one.
    """

    __slots__ = ("_compiled", "_set")

    def __init__(self, patterns: Sequence[str]) -> None:
        self._compiled = [compile_pattern(text) for text in patterns]
        self._set: Any = None
        if not patterns:
            return
        pattern_set = re2.Set.SearchSet(_OPTIONS)
        for text in patterns:
            pattern_set.Add(text)
        # A set runs as one automaton and says "nothing found" when that outgrows its memory. The empty pattern is
        # found in everything, so an answer without it is such a failure.
        pattern_set.Add("")
        pattern_set.Compile()
        self._set = pattern_set

    def first(self, text: str | None) -> int | None:
        """Index of the first pattern found somewhere in `text`; ``None`` when none is, or there is no text."""
        if text is None or not self._compiled:
            return None
        try:
            found = self._set.Match(text)
            if found:
                index: int = min(found)
                return index if index < len(self._compiled) else None
            return next((index for index, one in enumerate(self._compiled) if one.search(text)), None)
        except UnicodeEncodeError:  # bytes that were no UTF-8 on the wire match nothing
            return None
