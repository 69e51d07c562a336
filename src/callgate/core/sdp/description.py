"""Session descriptions, read and written: the part of RFC 8866 that telephones use.

Reading takes any bytes and raises nothing but `SdpError`. Lines that are not understood are skipped, as RFC 8866
section 5 (SDP Specification) asks for attributes and as the field demands for the rest.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from callgate.core.sdp.limits import LINES_MAX, MEDIA_COUNT_MAX, SDP_BYTES_MAX

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
        mappings: payload type and ``name/rate`` of each ``a=rtpmap``, lower-case.
        packet_ms: of ``a=ptime``; ``None`` when absent or nonsense.
        packet_ms_max: of ``a=maxptime``; likewise.
        parameters: payload type and value of each ``a=fmtp``, as written.
        crypto: value of each ``a=crypto``, as written: there are keys in it.
        rtcp: value of ``a=rtcp``, as written; empty without one. RFC 3605.
        rtcp_mux: whether RTCP may share the port of RTP. RFC 5761.
        fingerprint: whether there is an ``a=fingerprint``, its own or the session's: keys by DTLS, RFC 5763.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str = ""
    direction: str = "sendrecv"
    mappings: tuple[tuple[int, str], ...] = ()
    packet_ms: int | None = None
    packet_ms_max: int | None = None
    parameters: tuple[tuple[int, str], ...] = ()
    crypto: tuple[str, ...] = field(default=(), repr=False)
    rtcp: str = ""
    rtcp_mux: bool = False
    fingerprint: bool = False


def parse(body: bytes) -> list[Stream]:
    """The streams of a description, in order.

    Raises:
        SdpError: it is no session description.
    """
    if len(body) > SDP_BYTES_MAX:
        raise SdpError(f"the description has {len(body)} bytes; expected at most {SDP_BYTES_MAX}")
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    if "\r" in text:
        text = text.replace("\r", "\n")
    if text.count("\n") > LINES_MAX:
        raise SdpError(f"the description has more than {LINES_MAX} lines")
    if not text.startswith("v=0\n") and text.partition("\n")[0].strip() != "v=0":
        raise SdpError("the description does not begin with v=0")
    head, *sections = text.split("\nm=")
    if len(sections) > MEDIA_COUNT_MAX:
        raise SdpError(f"the description has more than {MEDIA_COUNT_MAX} streams")
    # The origin is another one in every call; what stands around it is not.
    opening, _, behind = head.partition("\no=")
    head, _, _ = _split_unique(opening + behind[behind.find("\n") :] if behind else head)
    session = _read_lines(head)
    streams = []
    for section in sections:
        first, _, rest = section.partition("\n")
        repeated, crypto, rtcp = _split_unique(rest)
        own = _read_lines(repeated)
        kind, port, protocol, formats = _stream(first)
        streams.append(
            Stream(
                kind,
                port,
                protocol,
                formats,
                own.address or session.address,
                own.direction or session.direction or "sendrecv",
                own.mappings,
                own.packet_ms,
                own.packet_ms_max,
                own.parameters,
                crypto,
                rtcp,
                own.rtcp_mux,
                own.fingerprint or session.fingerprint,
            )
        )
    return streams


def _split_unique(text: str) -> tuple[str, tuple[str, ...], str]:
    """Lines that repeat from call to call; the values of those that do not: ``a=crypto`` and ``a=rtcp``.

    What repeats is remembered; a key must be nowhere longer than it is needed.
    """
    if "a=crypto:" not in text and "a=rtcp:" not in text:
        return text, (), ""
    others, crypto, rtcp = [], [], ""
    for line in text.split("\n"):
        if line.startswith("a=crypto:"):
            crypto.append(line[9:].strip())
        elif line.startswith("a=rtcp:"):
            rtcp = line[7:].strip()
        else:
            others.append(line)
    return "\n".join(others), tuple(crypto), rtcp


def _stream(value: str) -> tuple[str, int, str, tuple[str, ...]]:
    parts = value.split(None, 2)
    protocol, formats = _formats(parts[2]) if len(parts) == 3 else ("", ())
    if not formats:
        raise SdpError(f"a stream is written `m={value[:80].rstrip()}`; expected kind, port, protocol and formats")
    port = parts[1].partition("/")[0]
    if not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65_535:
        raise SdpError(f"the port of a stream is {parts[1][:20]!r}; expected 0 to 65535")
    return parts[0].lower(), int(port), protocol, formats


def _split_formats(text: str) -> tuple[str, tuple[str, ...]]:
    protocol, *formats = text.split()
    return protocol.upper(), tuple(formats)


@dataclass(frozen=True, slots=True)
class _Lines:
    """What the lines of a session or of a stream say, but for the first."""

    address: str
    direction: str
    mappings: tuple[tuple[int, str], ...]
    packet_ms: int | None
    packet_ms_max: int | None
    parameters: tuple[tuple[int, str], ...]
    rtcp_mux: bool
    fingerprint: bool


def _read_lines(text: str) -> _Lines:
    return _read_again(text) if len(text) <= _KEPT_CHARACTERS_MAX else _read(text)


def _read(text: str) -> _Lines:
    address = direction = ""
    mappings: dict[int, str] = {}
    parameters: dict[int, str] = {}
    packet_ms = packet_ms_max = None
    rtcp_mux = fingerprint = False
    for line in text.split("\n"):
        if line.startswith("a="):
            value = line[2:].strip()
            if value in _DIRECTIONS:
                direction = value
                continue
            name, _, value = value.partition(":")
            if name == "rtpmap":
                # `PCMU/8000/1` is the same as `PCMU/8000`.
                _add(mappings, value, lambda encoding: encoding.lower().removesuffix("/1"))
            elif name == "fmtp":
                _add(parameters, value, lambda written: written)
            elif name == "ptime":
                packet_ms = _milliseconds(value) or packet_ms
            elif name == "maxptime":
                packet_ms_max = _milliseconds(value) or packet_ms_max
            elif name == "rtcp-mux":
                rtcp_mux = True
            elif name == "fingerprint":
                fingerprint = True
        elif line.startswith("c="):
            address = _address(line[2:].strip())
    return _Lines(
        address,
        direction,
        tuple(mappings.items()),
        packet_ms,
        packet_ms_max,
        tuple(parameters.items()),
        rtcp_mux,
        fingerprint,
    )


def _milliseconds(value: str) -> int | None:
    number = value.strip().partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= 3 else None


# A trunk says the same in every call but for origin and port. Longer texts than this are no telephone's.
_KEPT_CHARACTERS_MAX: Final = 2_000
_read_again: Final = lru_cache(maxsize=1_024)(_read)
_formats: Final = lru_cache(maxsize=1_024)(_split_formats)


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


def _add(table: dict[int, str], value: str, normal: Callable[[str], str]) -> None:
    number, _, written = value.strip().partition(" ")
    if number.isascii() and number.isdigit() and len(number) <= 3 and int(number) <= 127:
        table[int(number)] = normal(written.strip())
