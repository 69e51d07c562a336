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

_DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")


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
    lines = body.decode("utf-8", "replace").splitlines()
    if len(lines) > LINES_MAX:
        raise SdpError(f"the description has {len(lines)} lines; expected at most {LINES_MAX}")
    if not lines or lines[0].strip() != "v=0":
        raise SdpError("the description does not begin with v=0")
    session_address, session_direction = "", "sendrecv"
    streams: list[Stream] = []
    stream: Stream | None = None
    for line in lines[1:]:
        if len(line) < 3 or line[1] != "=":
            continue
        kind, value = line[0], line[2:].strip()
        if kind == "m":
            if len(streams) == MEDIA_COUNT_MAX:
                raise SdpError(f"the description has more than {MEDIA_COUNT_MAX} streams")
            stream = _stream(value, session_address, session_direction)
            streams.append(stream)
        elif kind == "c":
            address = _address(value)
            if stream is None:
                session_address = address
            else:
                stream.address = address
        elif kind == "a":
            if value in _DIRECTIONS:
                if stream is None:
                    session_direction = value
                else:
                    stream.direction = value
            elif stream is not None:
                _attribute(stream, value)
    return streams


def _stream(value: str, address: str, direction: str) -> Stream:
    parts = value.split()
    if len(parts) < 4:
        raise SdpError(f"a stream is written `m={value[:80]}`; expected kind, port, protocol and formats")
    port = parts[1].partition("/")[0]
    if not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65_535:
        raise SdpError(f"the port of a stream is {parts[1][:20]!r}; expected 0 to 65535")
    return Stream(parts[0].lower(), int(port), parts[2].upper(), tuple(parts[3:]), address, direction)


# The same few addresses and the same dozen mappings come in every offer: reading them is half of the work.
@lru_cache(maxsize=1_024)
def _address(value: str) -> str:
    parts = value.split()
    if len(parts) != 3 or parts[0].upper() != "IN":
        raise SdpError(f"the connection is written `c={value[:80]}`; expected IN IP4 and an address")
    address = parts[2].partition("/")[0]
    try:
        ip_address(address)
    except ValueError:
        raise SdpError(f"the connection address is {address[:80]!r}; expected an IP address") from None
    return address


def _attribute(stream: Stream, value: str) -> None:
    if value.startswith("rtpmap:"):
        mapping = _mapping(value)
        if mapping is not None:
            stream.mappings[mapping[0]] = mapping[1]
    elif value.startswith("ptime:"):
        text = value[6:].strip().partition(".")[0]
        if text.isascii() and text.isdigit() and len(text) <= 3:
            stream.packet_ms = int(text)


@lru_cache(maxsize=1_024)
def _mapping(value: str) -> tuple[int, str] | None:
    """Payload type and encoding of an ``a=rtpmap``."""
    number, _, encoding = value.removeprefix("rtpmap:").strip().partition(" ")
    if not (number.isascii() and number.isdigit() and len(number) <= 3 and int(number) <= 127):
        return None
    # `PCMU/8000/1` is the same as `PCMU/8000`.
    return int(number), encoding.strip().lower().removesuffix("/1")
