"""Offer and answer for one stream of audio, in the clear or encrypted.

RFC 3264 (An Offer/Answer Model with the Session Description Protocol), sections 5 (Generating the Initial Offer), 6
(Generating the Answer) and 8 (Modifying the Session); RFC 4568 section 7 (Use of the crypto Attribute).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from callgate.core.sdp import codecs, crypto
from callgate.core.sdp.crypto import CryptoLine
from callgate.core.sdp.description import SdpError, Stream, parse
from callgate.core.sdp.path import Crypto, SoundPath
from callgate.core.sdp.reachable import check_address
from callgate.core.sdp.terms import SoundTerms

# AVPF is AVP with earlier feedback; who offers it takes AVP's packets. RFC 4585 section 5 (Interworking and
# Coexistence of AVP and AVPF Entities). The same with SAVPF.
_PLAIN: Final = ("RTP/AVP", "RTP/AVPF")
_SECURE: Final = ("RTP/SAVP", "RTP/SAVPF")
_PACKET_MS: Final = 20
_PACKET_MS_MIN: Final = 10  # no telephone asks for less
_DIGITS_NUMBERS: Final = {8_000: 101, 16_000: 102, 48_000: 110}
# RFC 2543's way to hold, still in use; RFC 3264 section 8.4 (Putting a Unicast Media Stream on Hold).
_HELD: Final = ("0.0.0.0", "::")  # noqa: S104
_TERMS: Final = SoundTerms()


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


def assess(body: bytes, terms: SoundTerms = _TERMS) -> OfferAssessment:
    """Whether `answer` could answer an offer; pure, never raises."""
    try:
        streams = parse(body)
    except SdpError as error:
        return OfferAssessment("offer-not-sdp", str(error), error.warning_code)
    try:
        chosen = _choose(streams, terms)
    except SdpError as error:
        audio = next((stream for stream in streams if stream.kind == "audio"), None)
        names = codecs.names(_encodings(audio)) if audio else ()
        return OfferAssessment("no-common-codec", str(error), error.warning_code, names)
    return _good(_encodings(chosen.stream))


@lru_cache(maxsize=1_024)
def _good(encodings: tuple[tuple[int, str], ...]) -> OfferAssessment:
    return OfferAssessment(None, codecs=codecs.names(encodings))


def answer(
    offered: bytes,
    *,
    address: str,
    port: int,
    session_id: int,
    version: int = 0,
    terms: SoundTerms = _TERMS,
    new_key: Callable[[int], bytes] | None = None,
    before: SoundPath | None = None,
) -> Negotiated:
    """Answer an offer: its first audio stream that we can take, every other one refused with port 0.

    Args:
        offered: the offer.
        address: ours, IP text.
        port: ours, RTP.
        session_id: of our origin line; the same for all descriptions of a call.
        version: of our origin line; one more than the description before.
        terms: what we want of sound.
        new_key: so many random bytes; needed when `terms` takes keys.
        before: what was agreed on last. While the peer keeps its key we keep ours, so that the count of packets
            under it goes on (RFC 3711 section 3.3.1, Packet Index Determination, and ROC, s_l Update); a new key of
            the peer's may be another peer's, who must begin at nought.

    Raises:
        SdpError: it is no description, or has nothing for us.
    """
    streams = parse(offered)
    chosen = _choose(streams, terms)
    stream, line = chosen.stream, chosen.crypto
    keys = None
    if line is not None:
        known = before.crypto if before is not None else None
        if known is not None and (known.suite, known.remote_key) == (line.suite, line.key):
            key = known.local_key
        else:
            assert new_key is not None, "terms that take keys come with a way to make them"
            key = new_key(crypto.SUITES[line.suite])
        keys = Crypto(line.suite, key, line.key, line.mki, line.lifetime)
    held = stream.address in _HELD
    wanted = "inactive" if held and stream.direction != "sendonly" else stream.direction
    ours = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}[wanted]
    path = _path(chosen, keys, send=ours in ("sendrecv", "sendonly"), receive=ours in ("sendrecv", "recvonly"))
    lines = _head(address, session_id, version)
    for other in streams:
        if other is stream:
            lines += _answer_lines(port, chosen, path, ours)
        else:
            lines.append(_declined(other))
    return Negotiated(_joined(lines), path)


def offer(
    *,
    address: str,
    port: int,
    session_id: int,
    version: int = 0,
    terms: SoundTerms = _TERMS,
    new_key: Callable[[int], bytes] | None = None,
    before: SoundPath | None = None,
    last: bytes = b"",
) -> bytes:
    """An offer of audio with digits.

    Every key in it is new: whoever answers an offer in the middle of a call may be another peer than before.

    Args:
        address: ours, IP text.
        port: ours, RTP.
        session_id: of our origin line.
        version: likewise.
        terms: what we want of sound. With ``srtp`` preferred the offer is RTP/AVP with keys, which a peer without
            SRTP answers without; required, it is RTP/SAVP.
        new_key: so many random bytes; needed when `terms` takes keys.
        before: what was agreed on last: its numbers are kept, as RFC 3264 section 8.3.2 (Changing the Set of Media
            Formats) demands.
        last: our last description: streams that were declined in it keep their places, as section 8 demands.

    Raises:
        SdpError: encryption is required, and keys in SDP are barred.
    """
    if terms.srtp == "required" and terms.srtp_barred:
        raise SdpError(f"encryption is required here; {terms.srtp_barred}")
    numbers = {codec: codecs.NUMBERS[codec] for codec in terms.codecs}
    digits = dict(_DIGITS_NUMBERS)
    if before is not None:
        number, number_of_digits, _ = before.received
        if before.codec in numbers:
            numbers[before.codec] = number
        if number_of_digits is not None:
            digits[before.digits_clock_hz] = number_of_digits
    formats = [(number, codecs.WRITTEN[codec]) for codec, number in numbers.items()]
    used = {number for number, _ in formats}
    for rate in sorted({int(written.split("/")[1]) for _, written in formats} | {8_000}):
        number = digits[rate]
        while number in used:
            number = number + 1 if number < 127 else 96
        used.add(number)
        formats.append((number, f"telephone-event/{rate}"))
    keys = []
    if not terms.srtp_barred:
        assert new_key is not None, "terms that take keys come with a way to make them"
        keys = crypto.offer_lines(new_key)
    protocol = "RTP/SAVP" if terms.srtp == "required" else "RTP/AVP"
    sound = [*_audio(port, protocol, formats, keys), f"a=ptime:{_PACKET_MS}", "a=sendrecv"]
    lines = _head(address, session_id, version)
    for other in parse(last) if last else ():
        if other.port == 0:
            lines.append(_declined(other))
        else:
            lines += sound
    return _joined(lines if last else [*lines, *sound])


def read_answer(answered: bytes, offered: bytes, terms: SoundTerms = _TERMS) -> SoundPath:
    """What an answer to `offered`, an offer of ours, settles; `terms` say whose answer it is.

    Raises:
        SdpError: it is no description, or accepts nothing that was offered.
    """
    streams = parse(answered)
    offers = parse(offered)
    if len(streams) != len(offers):
        raise SdpError(f"the answer has {len(streams)} streams; expected {len(offers)}, as offered")
    stream, ours = next(
        ((given, asked) for given, asked in zip(streams, offers, strict=True) if asked.port), (None, None)
    )
    if stream is None or ours is None:
        raise SdpError("there is no stream in the offer that could be answered")
    if stream.kind != "audio" or stream.port == 0:
        raise SdpError(f"the answer is {stream.kind[:20]} at port {stream.port}; expected audio, as offered", 304)
    if not stream.address:
        raise SdpError("the answer has no connection address (c=)")
    check_address(stream.address, terms.source, terms.nature)
    known = tuple(dict.fromkeys(codecs.ENCODINGS[name] for _, name in _encodings(ours) if name in codecs.ENCODINGS))
    codec = codecs.choose(_encodings(stream), known)
    if codec is None:
        chosen = ", ".join(codecs.names(_encodings(stream))) or "nothing known"
        raise SdpError(f"the answer chooses {chosen}, which was not offered", 305)
    keys, line = None, None
    if stream.protocol in _SECURE or (stream.crypto and ours.crypto):
        if not ours.crypto:
            raise SdpError(f"the answer is over {stream.protocol}; expected {ours.protocol}, as offered", 302)
        mine, line = crypto.answered(stream.crypto, ours.crypto)
        keys = Crypto(line.suite, mine.key, line.key, line.mki, line.lifetime)
    elif stream.protocol not in _PLAIN:
        raise SdpError(f"the answer is over {stream.protocol}; expected {ours.protocol}, as offered", 302)
    elif ours.protocol in _SECURE:
        raise SdpError(f"the answer is over {stream.protocol} without keys; expected {ours.protocol}, as offered", 302)
    return _path(
        _Chosen(stream, codec, line),
        keys,
        send=stream.address not in _HELD and stream.direction in ("sendrecv", "recvonly"),
        receive=stream.direction in ("sendrecv", "sendonly"),
        offered=_encodings(ours),
    )


# ---------------------------------------------------------------------------------------------------------- choosing


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A stream that can be taken, and how."""

    stream: Stream
    codec: codecs.Choice
    crypto: CryptoLine | None


def _choose(streams: list[Stream], terms: SoundTerms) -> _Chosen:
    """The first audio stream with a codec of ours and the encryption we want; if we prefer it, one that has it first.

    Raises:
        SdpError: there is none; says why, of the one that comes closest.
    """
    found: _Chosen | None = None
    why: SdpError | None = None
    for stream in streams:
        if stream.kind != "audio":
            continue
        if stream.port == 0:
            why = why or SdpError("the audio stream has port 0; expected one that is offered", 304)
            continue
        try:
            line = _keys(stream, terms)
        except SdpError as error:
            why = error
            continue
        if not stream.address:
            why = SdpError("the description has no connection address (c=)")
            continue
        try:
            check_address(stream.address, terms.source, terms.nature)
        except SdpError as error:
            why = error
            continue
        codec = codecs.choose(_encodings(stream), terms.codecs, terms.own_order)
        if codec is None:
            offered = ", ".join(codecs.names(_encodings(stream))) or "nothing known"
            why = SdpError(f"audio is offered as {offered}; expected {_listed(terms.codecs)}", 305)
        elif line is None and not terms.srtp_barred:
            found = found or _Chosen(stream, codec, None)  # one further on may be encrypted
        else:
            return _Chosen(stream, codec, line)
    if found is not None:
        return found
    if why is None:
        kinds = sorted({stream.kind for stream in streams})
        offered = f"only {' and '.join(kinds)} is offered" if kinds else "no stream is offered"
        why = SdpError(f"{offered}; expected audio as {_listed(terms.codecs)} over RTP/AVP", 304)
    raise why


def _keys(stream: Stream, terms: SoundTerms) -> CryptoLine | None:
    """The line whose keys a stream would use; ``None`` when it would go in the clear.

    Raises:
        SdpError: it cannot have the encryption that it or we must have.
    """
    protocol = stream.protocol
    if protocol in _PLAIN:
        if not stream.crypto or terms.srtp_barred:
            if terms.srtp != "required":
                return None
            lack = "without a=crypto" if not stream.crypto else "with a=crypto"
            because = f"; {terms.srtp_barred}" if terms.srtp_barred else ""
            raise SdpError(f"audio is offered over {protocol} {lack}; encryption is required here{because}", 302)
        try:
            return crypto.choose(stream.crypto)
        except SdpError as error:
            if terms.srtp != "required":
                return None
            raise SdpError(f"audio is offered over {protocol}; encryption is required here, and {error}", 302) from None
    if protocol.startswith("UDP/TLS/") or (protocol in _SECURE and stream.fingerprint and not stream.crypto):
        raise SdpError(
            f"audio is offered over {protocol} with keys by DTLS; expected keys in SDP (a=crypto) or plain RTP/AVP", 302
        )
    if protocol not in _SECURE:
        raise SdpError(f"audio is offered over {protocol}; expected RTP/AVP or RTP/SAVP", 302)
    if terms.srtp_barred:
        raise SdpError(f"audio is offered over {protocol}; expected RTP/AVP: {terms.srtp_barred}", 302)
    try:
        return crypto.choose(stream.crypto)
    except SdpError as error:
        raise SdpError(f"audio is offered over {protocol}, and {error}", 302) from None


def _encodings(stream: Stream) -> tuple[tuple[int, str], ...]:
    return codecs.encodings(stream.formats, stream.mappings)


@lru_cache(maxsize=64)
def _listed(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


# ----------------------------------------------------------------------------------------------------------- settling


def _path(
    chosen: _Chosen, keys: Crypto | None, *, send: bool, receive: bool, offered: tuple[tuple[int, str], ...] = ()
) -> SoundPath:
    """What was settled; `offered` in an offer of ours, whose numbers the peer sends with."""
    stream, codec = chosen.stream, chosen.codec
    own = None
    if offered:
        theirs = (codec.number, codec.digits, codec.comfort_noise)
        encodings = dict(_encodings(stream))
        numbers = {encoding: number for number, encoding in reversed(offered)}
        digits, noise = (None if number is None else numbers.get(encodings[number], number) for number in theirs[1:])
        own = (numbers.get(encodings[codec.number], codec.number), digits, noise)
        own = None if own == theirs else own
    return SoundPath(
        remote_address=stream.address,
        remote_port=stream.port,
        codec=codec.name,
        payload_type=codec.number,
        digits_payload_type=codec.digits,
        send=send,
        receive=receive,
        packet_ms=_packet_ms(stream),
        clock_hz=codec.clock_hz,
        digits_clock_hz=codec.digits_clock_hz,
        comfort_noise_payload_type=codec.comfort_noise,
        rtcp_port=_rtcp_port(stream),
        rtcp_mux=stream.rtcp_mux,
        crypto=keys,
        format_parameters=dict(stream.parameters).get(codec.number, ""),
        own_payload_types=own,
    )


def _packet_ms(stream: Stream) -> int:
    """What we send: 20 ms whatever the peer would like best, unless it can take no more than 10 at a time."""
    longest = stream.packet_ms_max
    return _PACKET_MS if longest is None or longest >= _PACKET_MS else _PACKET_MS_MIN


def _rtcp_port(stream: Stream) -> int | None:
    """Where the peer has RTCP sent; ``None`` when that is at another address, or nowhere."""
    if stream.rtcp_mux:
        return stream.port
    # RFC 3605 section 2.1 (The RTCP Attribute): a port, and an address when it is another one.
    port, _, elsewhere = stream.rtcp.partition(" ")
    if port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65_535:
        return int(port) if not elsewhere or elsewhere.split()[-1] == stream.address else None
    return stream.port + 1 if stream.port < 65_535 else None


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


def _declined(stream: Stream) -> str:
    return f"m={stream.kind} 0 {stream.protocol} {' '.join(stream.formats)}"


def _answer_lines(port: int, chosen: _Chosen, path: SoundPath, direction: str) -> list[str]:
    written = codecs.WRITTEN[path.codec] if path.codec != "L16" else f"L16/{path.clock_hz}"
    formats = [(path.payload_type, written)]
    if path.comfort_noise_payload_type is not None:
        formats.append((path.comfort_noise_payload_type, f"CN/{path.clock_hz}"))
    if path.digits_payload_type is not None:
        formats.append((path.digits_payload_type, f"telephone-event/{path.digits_clock_hz}"))
    keys = []
    if chosen.crypto is not None and path.crypto is not None:
        keys = [crypto.write_line(chosen.crypto.tag, path.crypto.suite, path.crypto.local_key)]
    lines = _audio(port, chosen.stream.protocol, formats, keys)
    if path.rtcp_mux:
        lines.append("a=rtcp-mux")
    return [*lines, f"a=ptime:{path.packet_ms}", f"a={direction}"]


def _audio(port: int, protocol: str, formats: list[tuple[int, str]], keys: list[str]) -> list[str]:
    lines = [f"m=audio {port} {protocol} {' '.join(str(number) for number, _ in formats)}"]
    lines += [f"a=crypto:{line}" for line in keys]
    for number, written in formats:
        lines.append(f"a=rtpmap:{number} {written}")
        if written.startswith("telephone-event/"):
            # RFC 4733 section 2.5.1.1 (SDP): events 0 to 15 are the keys of a telephone.
            lines.append(f"a=fmtp:{number} 0-15")
        elif written == codecs.WRITTEN["OPUS"]:
            # RFC 7587 section 6.1 (Media Type Registration): speech is mono; lost packets are made up from the next.
            lines.append(f"a=fmtp:{number} useinbandfec=1;stereo=0;sprop-stereo=0")
    return lines


def _joined(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()
