"""The built-in caller: places one call, speaks and listens, and tells what became of it."""

import asyncio
import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from callgate import __version__
from callgate.core.audio.codecs import available
from callgate.core.sdp.description import SdpError
from callgate.core.sdp.negotiate import answer, offer, read_answer
from callgate.core.sdp.path import SoundPath
from callgate.core.sdp.terms import SRTP_MODES, SoundTerms
from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.reason import reason_words
from callgate.core.sip.refer import Referral
from callgate.core.sip.uri import parse_uri
from callgate.phone.report import CallReport
from callgate.phone.sound import PhoneSound, check_digits, read_wav, write_wav
from callgate.ports import ReferAnswer, ReofferAnswer
from callgate.runtime.alarms import LoopAlarms
from callgate.runtime.clock import SystemClock
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.signaling.endpoint import SipEndpoint
from callgate.signaling.outgoing import OutgoingCall

RING_S_MAX: Final = 90.0  # carriers give up after some three minutes, people much sooner
_FAREWELL_S_MAX: Final = 2.0  # a BYE or CANCEL that is not answered by then is left behind
_NOT_OURS: Final = frozenset(
    ("via", "from", "to", "call-id", "cseq", "contact", "content-length", "content-type", "max-forwards", "route")
)


class BadCall(ValueError):
    """The call cannot be placed as it was asked for."""


class Unreachable(Exception):
    """Nobody can be called by that name or address from here."""


async def place_call(
    uri: str,
    *,
    transport: str = "udp",
    from_uri: str = "sip:phone@127.0.0.1",
    from_display_name: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    play: Path | None = None,
    record: Path | None = None,
    digits: str = "",
    codecs: Sequence[str] = ("PCMU", "PCMA"),
    srtp: str = "off",
    duration_s: float = 10.0,
    on_progress: Callable[[str], None] = lambda words: None,
    bind: str = "",
    hang_up: asyncio.Event | None = None,
) -> CallReport:
    """Place one call and see it through.

    Args:
        uri: whom to call.
        transport: ``udp`` or ``tcp``.
        from_uri: who calls.
        from_display_name: likewise.
        headers: further ones, e.g. ``X-Customer-Name``.
        play: a WAV file to be sent once, 8,000 Hz, mono, 16 bits.
        record: where to write what came, likewise.
        digits: to be pressed, half a second after the answer; a comma is a pause of a second.
        codecs: what we offer, best first: of ``PCMU``, ``PCMA``, ``G722``, ``OPUS`` and ``L16``.
        srtp: ``off``, ``preferred`` or ``required``. The keys stand in SIP that anybody on the way can read: this phone
            is for tests.
        duration_s: from the answer to our BYE.
        on_progress: told in words how the call goes.
        bind: our IP address; empty: the local address of the route to the callee.
        hang_up: when it is set, the call is given up or hung up.

    Raises:
        BadCall: an argument is wrong; nothing has been sent.
        Unreachable: the callee's name cannot be resolved, or no route leads there.
        OSError: the socket cannot be had, or `record` cannot be written.
    """
    target_host, target_port = _check(uri, transport, from_uri, headers, digits)
    terms = _terms(codecs, srtp)
    sound_to_play = read_wav(play) if play is not None else b""
    if record is not None:
        write_wav(record, b"")  # better told now than after the call
    host = bind or await _local_address(target_host, target_port)
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    tasks = TaskOwner(lambda name, error: on_progress(f"{name} failed: {error!r}"))
    endpoint = SipEndpoint(
        calls=None,
        admits_source=lambda address: address == target_host,
        draining=lambda: False,
        clock=clock,
        alarms=LoopAlarms(loop),
        ids=SystemIds(),
        tasks=tasks,
        user_agent=f"callgate-phone/{__version__}",
    )
    sound = PhoneSound(clock.monotonic, secrets.randbits(32), sound_to_play, digits)
    await endpoint.start(host, 0)
    try:
        await loop.create_datagram_endpoint(lambda: sound, local_addr=(host, 0))
        call = _Call(uri, sound, host, terms, clock.monotonic, on_progress)
        call.outgoing = await endpoint.dial(
            uri,
            from_uri=from_uri,
            from_display_name=from_display_name,
            headers=headers,
            transport=transport,
            sdp=call.first_offer,
            listener=call,
        )
        report = await call.run(duration_s, hang_up or asyncio.Event(), tasks)
        await _quiet(endpoint, clock.monotonic() + _FAREWELL_S_MAX)
    finally:
        await tasks.close()
        sound.close()
        endpoint.close()
    if record is not None:
        write_wav(record, bytes(sound.recorded))
    return report


class _Call:
    """Implements `CallListener` for one call."""

    def __init__(
        self,
        uri: str,
        sound: PhoneSound,
        host: str,
        terms: SoundTerms,
        now: Callable[[], float],
        on_progress: Callable[[str], None],
    ) -> None:
        self.outgoing: OutgoingCall | None = None
        self._uri = uri
        self._sound = sound
        self._host = host
        self._terms = terms
        self._now = now
        self._tell = on_progress
        self._session_id = secrets.randbits(31)
        self._version = 0
        self._described = b""  # our last SDP
        self._dialled_s = now()
        self._rang_s: float | None = None
        self._answered_s: float | None = None
        self._ended_s: float | None = None
        self._final = asyncio.Event()  # a final response, or none will come
        self._over = asyncio.Event()
        self._status: int | None = None
        self._reason = ""
        self._why = ""
        self._path: SoundPath | None = None
        self._ended_by = ""

    def first_offer(self, address: str) -> bytes:
        """Our SDP for the INVITE."""
        self._host = address
        return self._offer()

    async def run(self, duration_s: float, hang_up: asyncio.Event, tasks: TaskOwner) -> CallReport:
        """Wait for the answer, talk, and end it."""
        assert self.outgoing is not None
        try:
            if not await _first(self._final, hang_up, RING_S_MAX):
                self._tell("giving up")
                self.outgoing.cancel()
                await _first(self._final, asyncio.Event(), _FAREWELL_S_MAX)
            if self._answered_s is not None and not self._over.is_set():
                tasks.spawn(self._sound.talk(), name="sound")
                await _first(self._over, hang_up, duration_s)
        finally:
            if self._answered_s is None:
                self.outgoing.cancel()
            elif not self._over.is_set():
                self._end("caller")
                self._tell("hanging up")
                self.outgoing.hang_up()
        return self._report()

    # -------------------------------------------------------------------------------------------------- CallListener

    def progress(self, status: int, reason: str, sdp: bytes) -> None:
        """A provisional response."""
        if status > 100 and self._rang_s is None:
            self._rang_s = self._now()
            self._tell(f"{status} {reason} after {self._since(self._rang_s):.0f} ms")

    def answered(self, sdp: bytes) -> None:
        """200 OK."""
        self._answered_s = self._now()
        self._status, self._reason = 200, "OK"
        try:
            path = read_answer(sdp, self._described)
        except SdpError as error:
            self._reason = f"the answer's SDP cannot be used: {error}"
            self._end("")
            assert self.outgoing is not None
            self.outgoing.hang_up("answer unusable")
        else:
            self._redirect(path)
            secured = " with SRTP" if path.crypto is not None else ""
            self._tell(f"200 OK after {self._since(self._answered_s):.0f} ms, {path.codec}{secured}")
        self._final.set()

    def refused(self, status: int, reason: str, headers: Sequence[tuple[str, str]]) -> None:
        """A final response of 300 or more."""
        self._status, self._reason = status, reason
        found = Headers(headers)
        self._why = reason_words(found) or found.get("Warning") or ""
        self._tell(f"{status} {reason}")
        self._final.set()

    def failed(self, reason: str) -> None:
        """No final response will come."""
        self._reason = reason
        self._tell(reason)
        self._final.set()

    def hung_up(self, cause: str) -> None:
        """The callee sent BYE."""
        if not self._over.is_set():
            self._end("callee")
            self._tell("the other side hung up" + (f": {cause}" if cause else ""))

    def vanished(self, cause: str) -> None:
        """The callee refreshes its session no more."""
        self.hung_up(cause)

    def confirmed(self, body: bytes) -> None:
        """The ACK of our 200 to a re-INVITE came."""

    def unacknowledged(self) -> None:
        """It never came; a BYE has been sent."""
        self.hung_up("a re-INVITE was never acknowledged")

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit came by INFO; a phone has no use for it."""

    def referred(self, wanted: Referral, tell: Callable[[int], None]) -> ReferAnswer:
        """A REFER came, to a phone that stays where it is."""
        return ReferAnswer(603)

    def reoffered(self, sdp: bytes) -> ReofferAnswer:
        """A re-INVITE or UPDATE came."""
        self._version += 1
        if not sdp:
            return ReofferAnswer(200, self._offer())
        try:
            negotiated = answer(
                sdp,
                address=self._host,
                port=self._sound.port,
                session_id=self._session_id,
                version=self._version,
                terms=self._terms,
                new_key=secrets.token_bytes,
                before=self._path,
            )
        except SdpError:
            return ReofferAnswer(488)
        self._described = negotiated.sdp
        self._redirect(negotiated.path)
        return ReofferAnswer(200, negotiated.sdp)

    def offer(self) -> bytes:
        """Our SDP as it stands."""
        return self._described

    def settled(self, sdp: bytes) -> None:
        """The answer to a refresh of ours came: what it changes is taken, and nothing is lost when it cannot be."""
        with suppress(SdpError):
            self._redirect(read_answer(sdp, self._described))

    # ------------------------------------------------------------------------------------------------------ fragments

    def _offer(self) -> bytes:
        self._described = offer(
            address=self._host,
            port=self._sound.port,
            session_id=self._session_id,
            version=self._version,
            terms=self._terms,
            new_key=secrets.token_bytes,
            before=self._path,
        )
        return self._described

    def _redirect(self, path: SoundPath) -> None:
        self._path = path
        self._sound.redirect(path)

    def _end(self, ended_by: str) -> None:
        self._ended_by = ended_by
        self._ended_s = self._now()
        self._over.set()

    def _since(self, at_s: float) -> float:
        return (at_s - self._dialled_s) * 1_000

    def _report(self) -> CallReport:
        sound = self._sound
        answered, ended = self._answered_s, self._ended_s
        return CallReport(
            uri=self._uri,
            status=self._status,
            reason=self._reason or "no final response came",
            ok=answered is not None and self._ended_by != "",
            rang_ms=self._since(self._rang_s) if self._rang_s is not None else None,
            answered_ms=self._since(answered) if answered is not None else None,
            first_sound_ms=self._since(sound.first_sound_s) if sound.first_sound_s is not None else None,
            talked_ms=(ended - answered) * 1_000 if answered is not None and ended is not None else 0.0,
            heard_ms=sound.heard_frames * 20.0,
            packets_sent=sound.packets_sent,
            packets_received=sound.packets_received,
            ended_by=self._ended_by,
            codec=self._path.codec if self._path is not None else "",
            srtp=self._path.crypto.suite if self._path is not None and self._path.crypto is not None else "",
            why=self._why,
        )


async def _quiet(endpoint: SipEndpoint, until_s: float) -> None:
    """Wait until our BYE has been answered."""
    while endpoint.busy[2] and endpoint.clock.monotonic() < until_s:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)


async def _first(wanted: asyncio.Event, other: asyncio.Event, timeout_s: float) -> bool:
    """Wait for either event; whether `wanted` came."""
    waits = [asyncio.ensure_future(event.wait()) for event in (wanted, other)]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return wanted.is_set()


def _check(uri: str, transport: str, from_uri: str, headers: Sequence[tuple[str, str]], digits: str) -> tuple[str, int]:
    """Host and port of the callee.

    Raises:
        BadCall: an argument is wrong.
    """
    try:
        target = parse_uri(uri)
        parse_uri(from_uri)
        check_digits(digits)
    except ParseError as error:
        raise BadCall(f"not a SIP URI that can be called: {error}") from None
    except ValueError as error:
        raise BadCall(str(error)) from None
    if target.scheme != "sip" or "tls" in (target.transport, transport):
        raise BadCall(f"the phone speaks UDP and TCP, not TLS: {uri}")
    if transport not in ("udp", "tcp"):
        raise BadCall(f"not a transport: {transport}; expected udp or tcp")
    for name, value in headers:
        token = name.replace("-", "").replace("_", "").replace(".", "")
        if not (token.isascii() and token.isalnum()) or not value.isprintable():
            raise BadCall(f"not a header: {name!r}: {value!r}; expected a name of letters and one line of text")
        if name.lower() in _NOT_OURS:
            raise BadCall(f"the phone sets {name} itself")
    return target.host, target.port or 5060


def _terms(codecs: Sequence[str], srtp: str) -> SoundTerms:
    """What we want of sound.

    Raises:
        BadCall: a codec or mode is none, or not installed.
    """
    installed = {codec.name for codec in available()}
    for codec in codecs or ("",):
        if codec not in installed:
            raise BadCall(f"not a codec that is installed: {codec!r}; expected {', '.join(sorted(installed))}")
    if srtp not in SRTP_MODES:
        raise BadCall(f"not a mode of SRTP: {srtp!r}; expected one of {', '.join(SRTP_MODES)}")
    return SoundTerms(tuple(dict.fromkeys(codecs)), srtp=srtp, srtp_barred="srtp is off" if srtp == "off" else "")


async def _local_address(host: str, port: int) -> str:
    """The local address of the route to a host: a connected UDP socket knows it, and sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM, family=family)
    except OSError as error:
        raise Unreachable(f"{host} cannot be resolved: {(error.strerror or str(error)).lower()}") from None
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(found[0][4])
        except OSError as error:
            raise Unreachable(f"no route leads to {host}: {(error.strerror or str(error)).lower()}") from None
        return str(probe.getsockname()[0])
