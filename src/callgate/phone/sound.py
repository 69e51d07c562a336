"""The phone's sound: one UDP socket that sends and receives RTP at the pace of the wire."""

import asyncio
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

from callgate.core.audio.codecs import wire_codec
from callgate.core.audio.convert import Converter, converter
from callgate.core.audio.format import PCM_8K
from callgate.core.audio.pcm import audioop
from callgate.core.rtp.digits import check_digits as check_keys
from callgate.core.rtp.digits import digit_payloads
from callgate.core.rtp.packet import pack, unpack
from callgate.core.sdp.path import SoundPath
from callgate.media.srtp import Srtp

_FRAME_S: Final = 0.02
_FRAMES_PER_S: Final = 50
_FRAME_BYTES: Final = 320
_RATE: Final = 8_000
_SILENCE: Final = bytes(_FRAME_BYTES)
# G.711 codes silence within ±8; a voice is hundreds. About −44 dBFS.
_SOUND_LEVEL_MIN: Final = 200
# An hour at 8,000 Hz, 115 MB: a phone that records is for tests and demonstrations.
_RECORDED_BYTES_MAX: Final = 3_600 * _RATE * 2
_BEFORE_DIGITS_S: Final = 0.5  # the callee's sound is up by then
_PAUSE_S: Final = 1.0  # of a comma
_DIGIT_MS: Final = 100
_BETWEEN_DIGITS_S: Final = 0.08


class SoundFileError(ValueError):
    """A file cannot be played."""


def read_wav(path: Path) -> bytes:
    """The sound of a file: int16 little-endian, mono, 8,000 Hz.

    Raises:
        SoundFileError: it cannot be read, or is something else.
    """
    try:
        with wave.open(str(path)) as file:
            found = (file.getframerate(), file.getnchannels(), 8 * file.getsampwidth())
            if found != (_RATE, 1, 16):
                rate, channels, bits = found
                raise SoundFileError(
                    f"{path} has {rate} Hz, {channels} channels, {bits} bits; expected 8000 Hz, 1 channel, 16 bits "
                    f"(sox {path.name} -r 8000 -c 1 -b 16 out.wav)"
                )
            pcm: bytes = file.readframes(file.getnframes())
            return pcm
    except (OSError, EOFError, wave.Error) as error:
        raise SoundFileError(f"{path} cannot be read as WAV: {error}") from None


def write_wav(path: Path, pcm: bytes) -> None:
    """Write int16 little-endian, mono, 8,000 Hz; `OSError` when that cannot be done."""
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setparams((1, 2, _RATE, 0, "NONE", ""))
        file.writeframes(pcm)


def check_digits(digits: str) -> None:
    """Raise `ValueError` unless all are keys of a telephone or pauses."""
    check_keys(digits.replace(",", ""))


class PhoneSound(asyncio.DatagramProtocol):
    """One call's sound.

    Args:
        clock: seconds, monotonic.
        ssrc: names our stream.
        play: int16 at 8,000 Hz, sent once; silence follows.
        digits: to be pressed; a comma is a pause of a second.

    Attributes:
        first_sound_s: when the first packet came that was not silence, by `clock`; ``None`` until then.
        heard_frames: of 20 ms that were not silence.
        packets_sent: so far.
        packets_received: so far.
        recorded: what came, from the answer on.
    """

    def __init__(self, clock: Callable[[], float], ssrc: int, play: bytes = b"", digits: str = "") -> None:
        self._clock = clock
        self._ssrc = ssrc
        self._play = play
        self._digits = digits
        self._path: SoundPath | None = None
        self._srtp: Srtp | None = None
        self._encode: Converter = converter(PCM_8K, PCM_8K)
        self._decode: Converter = converter(PCM_8K, PCM_8K)
        self._began_s = 0.0
        self._begin_timestamp: int | None = None
        self._begin_bytes = 0
        self._transport: asyncio.DatagramTransport | None = None
        self.first_sound_s: float | None = None
        self.heard_frames = 0.0
        self.packets_sent = 0
        self.packets_received = 0
        self.recorded = bytearray()

    @property
    def port(self) -> int:
        """Where the socket is bound."""
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def redirect(self, path: SoundPath) -> None:
        """Where and how sound flows from now on.

        Raises:
            RuntimeError: by a codec that is not installed.
        """
        before = self._path
        if before is None:
            self._began_s = self._clock()
        if before is None or (before.codec, before.clock_hz) != (path.codec, path.clock_hz):
            codec = wire_codec(path.codec, path.clock_hz)
            self._encode, self._decode = converter(PCM_8K, codec), converter(codec, PCM_8K)
        if path.crypto is None:
            self._srtp = None
        elif self._srtp is None:
            self._srtp = Srtp(path.crypto)
        else:
            self._srtp.rekey(path.crypto)
        self._path = path

    async def talk(self) -> None:
        """Send frames until cancelled, each at its own time, however late the one before was."""
        sequence, due = 0, self._clock()
        digits = self._pressed()
        timestamp, pressed_at = 0, 0
        while True:
            path, payload = self._path, next(digits)
            frame, self._play = self._play[:_FRAME_BYTES], self._play[_FRAME_BYTES:]
            if path is not None and path.send:
                if payload is not None and path.digits_payload_type is not None:
                    first = not payload[0]
                    pressed_at = timestamp if first else pressed_at
                    self._send(path, path.digits_payload_type, first, sequence, pressed_at, payload[1])
                else:
                    sound = self._encode(frame.ljust(_FRAME_BYTES, b"\0") or _SILENCE)
                    self._send(path, path.payload_type, not sequence, sequence, timestamp, sound)
                sequence += 1
            timestamp += (path.clock_hz if path is not None else _RATE) // _FRAMES_PER_S
            due += _FRAME_S
            await asyncio.sleep(max(0.0, due - self._clock()))

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        # uvloop's transports are not asyncio's by inheritance.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A packet came."""
        path = self._path
        opened = data if self._srtp is None else self._srtp.unprotect(data)
        packet = None if opened is None else unpack(opened)
        if packet is None or path is None or packet.payload_type != path.received[0]:
            return
        self.packets_received += 1
        try:
            pcm = self._decode(packet.payload)
        except ValueError:
            return  # nonsense in place of sound
        if audioop.rms(pcm, 2) >= _SOUND_LEVEL_MIN:
            self.heard_frames += len(pcm) / _FRAME_BYTES
            if self.first_sound_s is None:
                self.first_sound_s = self._clock()
        self._record(packet.timestamp, pcm, path.clock_hz)

    def _record(self, timestamp: int, pcm: bytes, clock_hz: int) -> None:
        """Put sound where its timestamp says; the first where it came, a new source's at the end."""
        if self._begin_timestamp is None:
            self._begin_timestamp = timestamp
            self._begin_bytes = 2 * round((self._clock() - self._began_s) * _RATE)
        at = self._begin_bytes + 2 * (((timestamp - self._begin_timestamp) & 0xFFFF_FFFF) * _RATE // clock_hz)
        if at > len(self.recorded) + 10 * _RATE * 2:
            self._begin_timestamp, self._begin_bytes = timestamp, len(self.recorded)
            at = self._begin_bytes
        if at + len(pcm) <= _RECORDED_BYTES_MAX:
            self.recorded.extend(bytes(max(0, at - len(self.recorded))))
            self.recorded[at : at + len(pcm)] = pcm

    def _send(
        self, path: SoundPath, payload_type: int, marker: bool, sequence: int, timestamp: int, payload: bytes
    ) -> None:
        assert self._transport is not None
        packet: bytes | None = pack(
            payload_type, marker, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, self._ssrc, payload
        )
        if self._srtp is not None and packet is not None:
            packet = self._srtp.protect(packet)
        if packet is None:
            return
        self._transport.sendto(packet, (path.remote_address, path.remote_port))
        self.packets_sent += 1

    def _pressed(self) -> Iterator[tuple[int, bytes] | None]:
        """For each frame the number and payload of a digit's packet, or ``None`` when sound may flow."""
        yield from [None] * round(_BEFORE_DIGITS_S / _FRAME_S)
        for digit in self._digits:
            if digit == ",":
                yield from [None] * round(_PAUSE_S / _FRAME_S)
                continue
            clock_hz = self._path.digits_clock_hz if self._path is not None else _RATE
            yield from enumerate(digit_payloads(digit, _DIGIT_MS, clock_hz))
            yield from [None] * round(_BETWEEN_DIGITS_S / _FRAME_S)
        while True:
            yield None
