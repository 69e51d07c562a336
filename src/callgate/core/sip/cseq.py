"""The CSeq header: a request's place in its dialog."""

import re
from dataclasses import dataclass
from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.limits import CSEQ_DIGITS_MAX, CSEQ_MAX

_CSEQ: Final = re.compile(rf"([0-9]{{1,{CSEQ_DIGITS_MAX}}})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)")


@dataclass(frozen=True, slots=True)
class CSeq:
    """RFC 3261 section 20.16 (CSeq).

    Attributes:
        number: 0 to 2^31 - 1.
        method: case-sensitive.
    """

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


def parse_cseq(text: str) -> CSeq:
    """Read the header's value.

    Raises:
        ParseError: not a number and a method, or a number of 2^31 or more.
    """
    found = _CSEQ.fullmatch(text.strip(" \t"))
    if found is None:
        raise ParseError(f"not a number and a method: {text!r}")
    number = int(found.group(1))
    if number > CSEQ_MAX:
        raise ParseError(f"number is 2^31 or more: {number}")
    return CSeq(number, found.group(2))
