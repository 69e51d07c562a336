"""Session descriptions, read and written: the part of RFC 8866 that telephones use.

Reading takes any bytes and raises nothing but `SdpError`. Lines that are not understood are skipped, as RFC 8866
section 5 (SDP Specification) asks for attributes and as the field demands for the rest.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

# An offer of audio is under 1 kB, one of a conferencing client with video under 8 kB.
SDP_BYTES_MAX: Final = 32_768
# Browsers offer some ten streams; what needs more is no telephone.
MEDIA_COUNT_MAX: Final = 32
LINES_MAX: Final = 1_000

_DIRECTIONS: Final = frozenset(("sendrecv", "sendonly", "recvonly", "inactive"))


class SdpError(ValueError):
    """What is wrong with a description, or why an offer cannot be taken: words for its sender.

    Attributes:
        warning_code: for a ``Warning`` header, RFC 3261 section 20.43 (Warning).
    """

    def __init__(self, words: str, warning_code: int = 399) -> None:
        super().__init__(words)
        self.warning_code = warning_code


@dataclass(slots=True)
class Stream:
    """One ``m=`` section.

    Attributes:
        kind: ``audio``, ``video`` …
        port: 0 when the stream is refused.
        protocol: ``RTP/AVP`` …
        formats: as written; payload types for RTP.
        address: of its own ``c=`` line, else of the session's; empty when there is none.
        direction: ``sendrecv``, ``sendonly``, ``recvonly`` or ``inactive``; of the session when it has none of its own.
        mappings: payload type → ``name/rate`` of ``a=rtpmap``, lower-case.
        packet_ms: of ``a=ptime``; ``None`` when absent or nonsense.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str = ""
    direction: str = "sendrecv"
    mappings: dict[int, str] = field(default_factory=dict)
    packet_ms: int | None = None


def parse(body: bytes) -> list[Stream]:
    """The streams of a description, in order.

    Raises:
        SdpError: it is no session description.
    """
    if len(body) > SDP_BYTES_MAX:
        raise SdpError(f"the description has {len(body)} bytes; expected at most {SDP_BYTES_MAX}")
    text = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") > LINES_MAX:
        raise SdpError(f"the description has more than {LINES_MAX} lines")
    if text.partition("\n")[0].strip() != "v=0":
        raise SdpError("the description does not begin with v=0")
    head, *sections = text.split("\nm=")
    if len(sections) > MEDIA_COUNT_MAX:
        raise SdpError(f"the description has more than {MEDIA_COUNT_MAX} streams")
    session = _read(head)
    streams: list[Stream] = []
    for section in sections:
        first, _, rest = section.partition("\n")
        stream = _stream(first.strip(), session.address, session.direction or "sendrecv")
        own = _read_again(rest) if len(rest) <= _KEPT_CHARACTERS_MAX else _read(rest)
        stream.address = own.address or stream.address
        stream.direction = own.direction or stream.direction
        stream.mappings = own.mappings
        stream.packet_ms = own.packet_ms
        streams.append(stream)
    return streams


def _stream(value: str, address: str, direction: str) -> Stream:
    parts = value.split()
    if len(parts) < 4:
        raise SdpError(f"a stream is written `m={value[:80]}`; expected kind, port, protocol and formats")
    port = parts[1].partition("/")[0]
    if not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65_535:
        raise SdpError(f"the port of a stream is {parts[1][:20]!r}; expected 0 to 65535")
    return Stream(parts[0].lower(), int(port), parts[2].upper(), tuple(parts[3:]), address, direction)


@dataclass(slots=True)
class _Lines:
    """What the lines of a session or of a stream say, but for the first."""

    address: str = ""
    direction: str = ""
    mappings: dict[int, str] = field(default_factory=dict)
    packet_ms: int | None = None


def _read(text: str) -> _Lines:
    found = _Lines()
    for line in text.split("\n"):
        if line.startswith("a="):
            value = line[2:].strip()
            if value.startswith("rtpmap:"):
                _add_mapping(found.mappings, value)
            elif value in _DIRECTIONS:
                found.direction = value
            elif value.startswith("ptime:"):
                number = value[6:].strip().partition(".")[0]
                if number.isascii() and number.isdigit() and len(number) <= 3:
                    found.packet_ms = int(number)
        elif line.startswith("c="):
            found.address = _address(line[2:].strip())
    return found


# A trunk describes its stream in the same words in every call; only the port in the first line changes. What is found
# is read by many and changed by nobody.
_KEPT_CHARACTERS_MAX: Final = 2_000
_read_again: Final = lru_cache(maxsize=1_024)(_read)


def _address(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN":
        raise SdpError(f"the connection is written `c={value[:80]}`; expected IN IP4 and an address")
    address = parts[2].partition("/")[0]
    try:
        _known_address(address)
    except ValueError:
        raise SdpError(f"the connection address is {address[:80]!r}; expected an IP address") from None
    return address


_known_address: Final = lru_cache(maxsize=1_024)(ip_address)


def _add_mapping(mappings: dict[int, str], value: str) -> None:
    number, _, encoding = value.removeprefix("rtpmap:").strip().partition(" ")
    if number.isascii() and number.isdigit() and len(number) <= 3 and int(number) <= 127:
        # `PCMU/8000/1` is the same as `PCMU/8000`.
        mappings[int(number)] = encoding.strip().lower().removesuffix("/1")
