"""TwiML, as far as bots of media streams control their calls with it: XML in, what to do out. Pure.

Nothing is read that XML can be attacked with: no document type, no entities but the five of XML, bounded size, depth.
"""

import re
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

BYTES_MAX: Final = 16 * 1024  # what a call is told to do is a few lines
_VERBS_MAX: Final = 50
_PAUSE_S_MAX: Final = 60
_DIGITS: Final = re.compile(r"[0-9A-D*#wW]{1,64}")


class TwimlError(ValueError):
    """A document that cannot be obeyed; words for who wrote it."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Press keys; each ``w`` waits half a second."""

    digits: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Stay:
    """The stream goes on (``<Connect><Stream>``)."""


Verb = Hangup | Digits | Pause | Stay


def read_twiml(text: str) -> tuple[Verb, ...]:
    """What a document asks for, in order.

    Raises:
        TwimlError: it is no TwiML, or asks for what is not offered.
    """
    if len(text.encode("utf-8", "replace")) > BYTES_MAX:
        raise TwimlError(f"longer than {BYTES_MAX} bytes")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.begins
    parser.EndElementHandler = reader.ends
    parser.StartDoctypeDeclHandler = reader.refuses_types
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise TwimlError(f"not XML: {error}") from None
    return tuple(reader.verbs)


class _Reader:
    def __init__(self) -> None:
        self.verbs: list[Verb] = []
        self._path: list[str] = []

    def begins(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        if len(self._path) == 1:
            if name != "Response":
                raise TwimlError(f"the document is a <{name[:40]}>; expected <Response>")
        elif len(self._path) == 2:
            self._verb(name, attributes)
        elif self._path[1:3] == ["Connect", "Stream"] and len(self._path) == 3:
            self._add(Stay())
        elif len(self._path) > 8:
            raise TwimlError("elements within elements within elements; expected verbs")

    def ends(self, name: str) -> None:
        self._path.pop()

    def refuses_types(self, *declared: object) -> None:
        raise TwimlError("a document type has no place in TwiML")

    def _verb(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "Hangup":
                self._add(Hangup())
            case "Play" if attributes.get("digits"):
                digits = attributes["digits"]
                if not _DIGITS.fullmatch(digits):
                    raise TwimlError(f"digits {digits[:40]!r}; expected at most 64 of 0 to 9, *, #, A to D and w")
                self._add(Digits(digits))
            case "Pause":
                length = attributes.get("length", "1")
                if not (length.isascii() and length.isdigit() and int(length) <= _PAUSE_S_MAX):
                    raise TwimlError(f"a pause of {length[:20]!r}; expected 0 to {_PAUSE_S_MAX} seconds")
                self._add(Pause(int(length)))
            case "Connect":
                return
            case "Play":
                raise TwimlError("<Play> of a file is not offered; expected digits")
            case _:
                raise TwimlError(
                    f"<{name[:40]}> is not offered; expected <Hangup>, <Play digits>, <Pause> or <Connect>"
                )

    def _add(self, verb: Verb) -> None:
        if len(self.verbs) == _VERBS_MAX:
            raise TwimlError(f"more than {_VERBS_MAX} verbs")
        self.verbs.append(verb)
