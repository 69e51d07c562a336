"""Offer and answer for G.711 with RFC 4733 digits.

RFC 3264 (An Offer/Answer Model with the Session Description Protocol), sections 5 (Generating the Initial Offer), 6
(Generating the Answer) and 8 (Modifying the Session).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from callgate.core.sdp.description import SdpError, Stream, parse
from callgate.core.sdp.path import SoundPath

# RFC 3551 section 6 (Payload Type Definitions): numbers that need no rtpmap.
_STATIC: Final = {0: "pcmu/8000", 8: "pcma/8000", 9: "g722/8000", 18: "g729/8000", 3: "gsm/8000", 4: "g723/8000"}
_CODECS: Final = {"pcmu/8000": "PCMU", "pcma/8000": "PCMA"}
_NUMBERS: Final = {"PCMU": 0, "PCMA": 8}
_PAYLOAD_TYPES: Final = {str(number): number for number in range(128)}
_DIGITS: Final = "telephone-event/8000"
_DIGITS_NUMBER: Final = 101  # what nearly everybody uses; the peer's number is taken when it offers
# AVPF is AVP with earlier feedback; who offers it takes AVP's packets. RFC 4585 section 1.2.
_PROTOCOLS: Final = ("RTP/AVP", "RTP/AVPF")
_PACKET_MS: Final = 20
_HELD: Final = ("0.0.0.0", "::")  # RFC 2543's way to hold, still in use; RFC 3264 section 8.4 # noqa: S104


@dataclass(frozen=True, slots=True)
class OfferAssessment:
    """Whether an offer can be taken.

    Attributes:
        outcome: ``None`` when it can; else ``offer-not-sdp`` or ``no-common-codec``.
        reason: in words, when it cannot.
        warning_code: for a ``Warning`` header, RFC 3261 section 20.43 (Warning).
        codecs: the names offered for the stream that would be taken, else for the first audio stream.
    """

    outcome: str | None
    reason: str = ""
    warning_code: int = 0
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Negotiated:
    """Our answer and what it settles.

    Attributes:
        sdp: to be sent.
        path: where and how sound flows.
    """

    sdp: bytes
    path: SoundPath


def assess(body: bytes) -> OfferAssessment:
    """Whether `answer` could answer an offer; pure, never raises."""
    try:
        streams = parse(body)
    except SdpError as error:
        return OfferAssessment("offer-not-sdp", str(error), error.warning_code)
    try:
        stream = _acceptable(streams)
    except SdpError as error:
        audio = next((stream for stream in streams if stream.kind == "audio"), None)
        names = _names(audio) if audio else ()
        return OfferAssessment("no-common-codec", str(error), error.warning_code, names)
    return _good(_encodings(stream))


@lru_cache(maxsize=1_024)
def _good(encodings: tuple[tuple[int, str], ...]) -> OfferAssessment:
    return OfferAssessment(None, codecs=_named(encodings))


def answer(offered: bytes, *, address: str, port: int, session_id: int, version: int = 0) -> Negotiated:
    """Answer an offer: its first audio stream that we can take, every other one refused with port 0.

    Args:
        offered: the offer.
        address: ours, IP text.
        port: ours, RTP.
        session_id: of our origin line; the same for all descriptions of a call.
        version: of our origin line; one more than the description before.

    Raises:
        SdpError: it is no description, or has nothing for us.
    """
    streams = parse(offered)
    chosen = _acceptable(streams)
    number, codec = _codec(chosen)
    digits = _digits(chosen)
    held = chosen.address in _HELD
    wanted = "inactive" if held and chosen.direction != "sendonly" else chosen.direction
    ours = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}[wanted]
    lines = _head(address, session_id, version)
    for stream in streams:
        if stream is chosen:
            lines += _audio(port, stream.protocol, [(number, codec)], digits, ours)
        else:
            lines.append(f"m={stream.kind} 0 {stream.protocol} {' '.join(stream.formats)}")
    path = SoundPath(
        remote_address=chosen.address,
        remote_port=chosen.port,
        codec=codec,
        payload_type=number,
        digits_payload_type=digits,
        send=ours in ("sendrecv", "sendonly"),
        receive=ours in ("sendrecv", "recvonly"),
        packet_ms=_PACKET_MS,
    )
    return Negotiated(_joined(lines), path)


def offer(
    *, address: str, port: int, session_id: int, version: int = 0, codecs: Sequence[str] = ("PCMU", "PCMA")
) -> bytes:
    """An offer of audio: G.711 and digits.

    Args:
        address: ours, IP text.
        port: ours, RTP.
        session_id: of our origin line.
        version: likewise.
        codecs: in order of preference.
    """
    numbers = [(_NUMBERS[codec], codec) for codec in codecs]
    return _joined(
        [*_head(address, session_id, version), *_audio(port, "RTP/AVP", numbers, _DIGITS_NUMBER, "sendrecv")]
    )


def read_answer(answered: bytes, offered: bytes) -> SoundPath:
    """What an answer to `offered` settles.

    Raises:
        SdpError: it is no description, or accepts nothing that was offered.
    """
    streams = parse(answered)
    ours = parse(offered)
    if len(streams) != len(ours):
        raise SdpError(f"the answer has {len(streams)} streams; expected {len(ours)}, as offered")
    chosen = _acceptable(streams)
    number, codec = _codec(chosen)
    if codec not in _names(ours[0]):
        raise SdpError(f"the answer chooses {codec}, which was not offered", 305)
    held = chosen.address in _HELD
    return SoundPath(
        remote_address=chosen.address,
        remote_port=chosen.port,
        codec=codec,
        payload_type=number,
        digits_payload_type=_digits(chosen),
        send=not held and chosen.direction in ("sendrecv", "recvonly"),
        receive=chosen.direction in ("sendrecv", "sendonly"),
        packet_ms=_PACKET_MS,
    )


# ---------------------------------------------------------------------------------------------------------- choosing


def _acceptable(streams: list[Stream]) -> Stream:
    """The first audio stream with a codec of ours over plain RTP.

    Raises:
        SdpError: there is none; says why, of the one that comes closest.
    """
    why: SdpError | None = None
    for stream in streams:
        if stream.kind != "audio":
            continue
        if stream.port == 0:
            why = why or SdpError("the audio stream has port 0; expected one that is offered", 304)
        elif stream.protocol not in _PROTOCOLS:
            why = SdpError(f"audio is offered over {stream.protocol}; expected RTP/AVP without encryption", 302)
        elif not stream.address:
            raise SdpError("the description has no connection address (c=)")
        elif _codec_or_none(stream) is None:
            offered = ", ".join(_names(stream)) or "nothing known"
            why = SdpError(f"audio is offered as {offered}; expected PCMU or PCMA", 305)
        else:
            return stream
    if why is None:
        kinds = sorted({stream.kind for stream in streams})
        offered = f"only {' and '.join(kinds)} is offered" if kinds else "no stream is offered"
        why = SdpError(f"{offered}; expected audio as PCMU or PCMA over RTP/AVP", 304)
    raise why


def _encodings(stream: Stream) -> tuple[tuple[int, str], ...]:
    return _resolved(stream.formats, stream.mappings)


# A trunk offers the same codecs with the same numbers in every call.
@lru_cache(maxsize=1_024)
def _resolved(formats: tuple[str, ...], mappings: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """Payload types with their encodings, in the order of preference; those without a known encoding are left out."""
    encodings = {**_STATIC, **dict(mappings)}
    numbers = [_PAYLOAD_TYPES[text] for text in formats if text in _PAYLOAD_TYPES]
    return tuple((number, encodings[number]) for number in numbers if encodings.get(number))


def _codec_or_none(stream: Stream) -> tuple[int, str] | None:
    for number, encoding in _encodings(stream):
        if encoding in _CODECS:
            return number, _CODECS[encoding]
    return None


def _codec(stream: Stream) -> tuple[int, str]:
    found = _codec_or_none(stream)
    assert found is not None, "only streams with a codec of ours are chosen"
    return found


def _digits(stream: Stream) -> int | None:
    return next((number for number, encoding in _encodings(stream) if encoding == _DIGITS), None)


def _names(stream: Stream) -> tuple[str, ...]:
    return _named(_encodings(stream))


def _named(encodings: tuple[tuple[int, str], ...]) -> tuple[str, ...]:
    names = (encoding.partition("/")[0].upper() for _, encoding in encodings)
    return tuple(name for name in names if name != "TELEPHONE-EVENT")


# ----------------------------------------------------------------------------------------------------------- writing


def _head(address: str, session_id: int, version: int) -> list[str]:
    family = "IP6" if ":" in address else "IP4"
    return [
        "v=0",
        f"o=callgate {session_id} {version} IN {family} {address}",
        "s=-",
        f"c=IN {family} {address}",
        "t=0 0",
    ]


def _audio(
    port: int, protocol: str, codecs: Sequence[tuple[int, str]], digits: int | None, direction: str
) -> list[str]:
    numbers = [str(number) for number, _ in codecs] + ([str(digits)] if digits is not None else [])
    lines = [f"m=audio {port} {protocol} {' '.join(numbers)}"]
    lines += [f"a=rtpmap:{number} {codec}/8000" for number, codec in codecs]
    if digits is not None:
        # RFC 4733 section 2.5.1.1 (SDP): events 0 to 15 are the keys of a telephone.
        lines += [f"a=rtpmap:{digits} telephone-event/8000", f"a=fmtp:{digits} 0-15"]
    return [*lines, f"a=ptime:{_PACKET_MS}", f"a={direction}"]


def _joined(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()
