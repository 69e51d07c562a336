"""Codecs in session descriptions: their names, numbers and clocks, and which of them is chosen."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# RFC 3551 section 6 (Payload Type Definitions): numbers that need no rtpmap.
STATIC: Final = {
    0: "pcmu/8000",
    3: "gsm/8000",
    4: "g723/8000",
    8: "pcma/8000",
    9: "g722/8000",
    13: "cn/8000",
    18: "g729/8000",
}

# RFC 7587 section 7 (SDP Considerations): Opus is always written with two channels; some leave them out.
ENCODINGS: Final = {
    "pcmu/8000": "PCMU",
    "pcma/8000": "PCMA",
    "g722/8000": "G722",
    "opus/48000/2": "OPUS",
    "opus/48000": "OPUS",
    "l16/8000": "L16",
    "l16/16000": "L16",
}
"""What we speak: the encoding of an rtpmap, lower-case, and our name for it."""

WRITTEN: Final = {
    "PCMU": "PCMU/8000",
    "PCMA": "PCMA/8000",
    "G722": "G722/8000",
    "OPUS": "opus/48000/2",
    "L16": "L16/16000",
}
"""How we write each in an offer."""

NUMBERS: Final = {"PCMU": 0, "PCMA": 8, "G722": 9, "OPUS": 111, "L16": 96}
"""Payload types that we offer; those of 96 and more are what others commonly take."""

_PAYLOAD_TYPES: Final = {str(number): number for number in range(128)}
_NO_SOUND: Final = frozenset(("TELEPHONE-EVENT", "CN"))


@dataclass(frozen=True, slots=True)
class Choice:
    """A codec with what goes along with it.

    Attributes:
        name: ``PCMU``, ``PCMA``, ``G722``, ``OPUS`` or ``L16``.
        number: payload type.
        clock_hz: of its timestamps.
        digits: payload type of RFC 4733 events; ``None``: the peer has none.
        digits_clock_hz: of their durations.
        comfort_noise: payload type of RFC 3389 comfort noise; ``None``: the peer has none.
    """

    name: str
    number: int
    clock_hz: int
    digits: int | None = None
    digits_clock_hz: int = 8_000
    comfort_noise: int | None = None


# A trunk offers the same codecs with the same numbers in every call.
@lru_cache(maxsize=1_024)
def encodings(formats: tuple[str, ...], mappings: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """Payload types with their encodings, in the order of preference; those without a known encoding are left out."""
    known = {**STATIC, **dict(mappings)}
    numbers = [_PAYLOAD_TYPES[text] for text in formats if text in _PAYLOAD_TYPES]
    return tuple((number, known[number]) for number in numbers if known.get(number))


@lru_cache(maxsize=1_024)
def choose(offered: tuple[tuple[int, str], ...], codecs: tuple[str, ...], own_order: bool = False) -> Choice | None:
    """Which codec an offer's answer takes.

    Args:
        offered: as `encodings` gives them.
        codecs: ours, what we like best first.
        own_order: whether our order counts, and not the offerer's.
    """
    ours = [(number, encoding, ENCODINGS[encoding]) for number, encoding in offered if encoding in ENCODINGS]
    ours = [candidate for candidate in ours if candidate[2] in codecs]
    if not ours:
        return None
    number, encoding, name = min(ours, key=lambda candidate: codecs.index(candidate[2])) if own_order else ours[0]
    clock_hz = int(encoding.split("/")[1])
    # RFC 4733 section 2.1 (Use of RTP Header Fields): events have the clock of the sound they stand among. Telephones
    # that speak Opus often have them at 8,000 Hz nevertheless.
    digits, digits_clock_hz = None, clock_hz
    for rate in (clock_hz, 8_000):
        digits = next((number for number, encoding in offered if encoding == f"telephone-event/{rate}"), None)
        if digits is not None:
            digits_clock_hz = rate
            break
    noise = next((number for number, encoding in offered if encoding == f"cn/{clock_hz}"), None)
    return Choice(name, number, clock_hz, digits, digits_clock_hz, noise)


def names(offered: tuple[tuple[int, str], ...]) -> tuple[str, ...]:
    """The codecs among encodings, upper-case."""
    found = (encoding.partition("/")[0].upper() for _, encoding in offered)
    return tuple(name for name in found if name not in _NO_SOUND)
