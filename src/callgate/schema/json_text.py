"""JSON from outside, read strictly: what two readers could understand differently is refused."""

import json
import re
from typing import Final, NoReturn

from callgate.entities.json import Json

_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1  # what every database and every client's reader can hold
# After an even number of backslashes, which stand for half as many. Not every database keeps it.
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# Far beyond what anybody writes, and far below where Python's stack and readers of messages and rows end (near 1,000).
DEPTH_MAX: Final = 200


def read_json(text: bytes) -> Json:
    """The value that `text` says.

    Raises:
        ValueError: in words: no JSON, NaN or an infinity, a whole number over 64 bits, a key twice in an object,
            characters that are no text (U+0000 too), nesting deeper than 200 levels.
    """
    try:
        value: Json = json.loads(
            text.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
        if b"\\u" in text:
            written = json.dumps(value, ensure_ascii=False)
            written.encode("utf-8")
            if _NUL.search(written):
                raise ValueError("the body holds U+0000, which is no character of a text")
        if _is_deeper(value, DEPTH_MAX):
            raise RecursionError
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    except UnicodeEncodeError:
        raise ValueError("the body holds characters that are no text (lone surrogates)") from None
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"the body is not JSON: {error.msg.lower()} at {place}") from None
    return value


def _is_deeper(value: Json, levels: int) -> bool:
    inside: list[Json] = [value]
    for _ in range(levels):
        inside = [
            inner
            for outer in inside
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not inside:
            return False
    return True


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"the body is not JSON: {text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("the body holds a number that is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > 20 or not _LOWEST <= int(text) <= _HIGHEST:
        raise ValueError("the body holds a whole number of more than 64 bits")
    return int(text)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the body has a key twice in one object: `{twice[:60]}`")
    return found
