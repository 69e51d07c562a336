"""Many callers and their models in one process: the load of a measurement, made as cheaply as Python can.

A caller is a UDP socket, a model the server's end of a WebSocket. Both send one frame of 20 ms at a time, each call at
its own phase; one loop over epoll serves them all, so that one core drives more calls than a media worker on another
can carry. What is sent is silence, but for probes: in a few calls every tenth frame is loud, and the time until the
other end has its first loud sample is the delay of that direction.
"""

import base64
import hashlib
import resource
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from callgate.core.audio.pcm import audioop

FRAME_S: Final = 0.020
_FRAME_SAMPLES: Final = 160
_RTP: Final = struct.Struct(">BBHII")
_READ_BYTES: Final = 65_536
_HANDSHAKE_BYTES_MAX: Final = 8_192
_WEBSOCKET_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3 (Opening Handshake)
_PROBED_CALLS: Final = 10
_PROBE_EVERY: Final = 10  # frames: what is between two probes is longer than any delay to be told
_REST_S: Final = 0.2
_LOUD: Final = 8_000  # of 32,767: above what a filter rings, below the probe's square wave of 30,000


@dataclass(slots=True)
class Seen:
    """What the crowd saw since it was asked last.

    Attributes:
        seconds: since then.
        sent: packets of callers.
        received: packets that came to callers.
        received_least: by the caller who got least.
        heard_frames: of sound that came to models.
        heard_least: by the model that got least.
        there_s: delays from caller to model, of the probes.
        back_s: from model to caller.
        late_s_max: how late the crowd itself was, at worst.
    """

    seconds: float = 0.0
    sent: int = 0
    received: int = 0
    received_least: int = 0
    heard_frames: float = 0.0
    heard_least: float = 0.0
    there_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    late_s_max: float = 0.0


class _Call:
    """One caller with its model."""

    __slots__ = ("back_s", "caller", "due", "heard_bytes", "model", "number", "received", "sent", "sequence", "there_s")

    def __init__(self, number: int) -> None:
        self.number = number
        self.caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.caller.bind(("127.0.0.1", 0))
        self.caller.setblocking(False)
        self.model: socket.socket | None = None
        self.due = 0.0
        self.sequence = 0
        self.sent = self.received = self.heard_bytes = 0
        # When the probe left that has not arrived yet, in either direction.
        self.there_s: float | None = None
        self.back_s: float | None = None


class Crowd:
    """The loop, for a process of its own.

    Args:
        pipe: hears ``("ready", port of the models, [ports of the callers])`` at once; may say ``("go", [ports])``,
            which begins the calls, ``("rest",)``, which has the models pause for 200 ms, so that what the beginning
            held up is played, ``("seen",)``, answered with a `Seen`, and ``("stop",)``.
        calls: how many.
        wideband: whether models speak s16le at 16,000 Hz; else they speak µ-law.
        alone: whether it has a core of its own, so that it need never sleep: to wake it would cost those under test.
    """

    def __init__(self, pipe: Connection, calls: int, wideband: bool, alone: bool) -> None:
        self._pipe = pipe
        self._alone = alone
        self._wideband = wideband
        # A square wave of 500 Hz is loud in every band, from its first sample on.
        narrow = struct.pack("<160h", *(([30_000] * 8 + [-30_000] * 8) * 10))
        wide = struct.pack("<320h", *(([30_000] * 16 + [-30_000] * 16) * 10))
        self._payloads = (b"\xff" * _FRAME_SAMPLES, audioop.lin2ulaw(narrow, 2))
        frames = (bytes(640), wide) if wideband else self._payloads
        self._messages = tuple(struct.pack(">BBH", 0x82, 126, len(frame)) + frame for frame in frames)
        self._message_bytes = len(self._messages[0]) + 4  # what comes the other way bears a mask
        self._greeting = b""  # that models send first
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
        self._listener.setblocking(False)
        self._calls = [_Call(number) for number in range(calls)]
        self._order: list[_Call] = []
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._buffer = bytearray(_READ_BYTES)
        self._view = memoryview(self._buffer)
        self._there: list[float] = []
        self._back: list[float] = []
        self._late_s = 0.0
        self._asked_s = 0.0
        self._rest_until_s = 0.0
        self._running = True

    def run(self) -> None:
        """Serve until told to stop."""
        self._watch(self._listener, self._accept)
        self._watch(self._pipe, self._told)
        self._pipe.send(
            ("ready", self._listener.getsockname()[1], [call.caller.getsockname()[1] for call in self._calls])
        )
        clock, turn = time.monotonic, 0
        while self._running:
            order = self._order
            wait_s = 0.1
            if order:
                wait_s = 0.0 if self._alone else max(0.0, order[turn].due - clock())
            for fd, _ in self._epoll.poll(wait_s):
                self._handlers[fd]()
            while order and order[turn].due <= (now := clock()):
                call = order[turn]
                self._late_s = max(self._late_s, now - call.due)
                self._speak(call)
                call.due += FRAME_S
                turn = (turn + 1) % len(order)

    def _watch(self, what: socket.socket | Connection, handler: Callable[[], None]) -> None:
        self._handlers[what.fileno()] = handler
        self._epoll.register(what.fileno(), select.EPOLLIN)

    def _forget(self, sock: socket.socket) -> None:
        self._epoll.unregister(sock.fileno())
        del self._handlers[sock.fileno()]
        sock.close()

    # ------------------------------------------------------------------------------------------------ told by the pipe

    def _told(self) -> None:
        try:
            words = self._pipe.recv()
        except EOFError:
            words = ("stop",)  # who measures has ended
        match words:
            case ("go", list(ports)):
                self._go(ports)
            case ("rest",):
                self._rest_until_s = time.monotonic() + _REST_S
            case ("seen",):
                self._pipe.send(self._seen())
            case _:
                self._running = False

    def _go(self, ports: list[int]) -> None:
        order = self._calls[: len(ports)]
        start = time.monotonic() + FRAME_S
        for call, port in zip(order, ports, strict=True):
            call.caller.connect(("127.0.0.1", port))
            call.due = start + FRAME_S * call.number / len(order)
            self._watch(call.caller, lambda call=call: self._caller_hears(call))  # type: ignore[misc]
        self._order = order
        self._asked_s = start

    def _seen(self) -> Seen:
        now = time.monotonic()
        heard = [call.heard_bytes / self._message_bytes for call in self._order]
        received = [call.received for call in self._order]
        seen = Seen(
            seconds=now - self._asked_s,
            sent=sum(call.sent for call in self._order),
            received=sum(received),
            received_least=min(received, default=0),
            heard_frames=sum(heard),
            heard_least=min(heard, default=0.0),
            there_s=self._there,
            back_s=self._back,
            late_s_max=self._late_s,
        )
        self._there, self._back, self._late_s, self._asked_s = [], [], 0.0, now
        for call in self._order:
            call.sent = call.received = call.heard_bytes = 0
        return seen

    # ------------------------------------------------------------------------------------------------ callers, models

    def _speak(self, call: _Call) -> None:
        call.sequence = sequence = call.sequence + 1
        loud = 0
        if call.number < _PROBED_CALLS and sequence % _PROBE_EVERY == 0:
            loud, call.there_s = 1, time.monotonic()
            call.back_s = call.there_s
        header = _RTP.pack(0x80, 0, sequence & 0xFFFF, sequence * _FRAME_SAMPLES & 0xFFFF_FFFF, call.number)
        try:
            call.caller.send(header + self._payloads[loud])
            if call.model is not None and call.due >= self._rest_until_s:
                call.model.send(self._messages[loud])
        except OSError:
            return  # the gate has closed the call; what is missing is counted at the other end
        call.sent += 1

    def _caller_hears(self, call: _Call) -> None:
        try:
            size = call.caller.recv_into(self._buffer)
        except OSError:
            return
        call.received += 1
        if call.back_s is not None:
            sound = audioop.ulaw2lin(self._view[_RTP.size : size], 2)
            if (late_s := _found(call.back_s, sound, 8_000)) is not None:
                self._back.append(late_s)
                call.back_s = None

    def _model_hears(self, call: _Call) -> None:
        assert call.model is not None
        try:
            size = call.model.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._forget(call.model)
            call.model = None
            return
        call.heard_bytes += size
        if call.there_s is not None:
            for start in range(0, size - self._message_bytes + 1, self._message_bytes):
                message = np.frombuffer(self._buffer, np.uint8, self._message_bytes, start)
                mask = np.resize(message[4:8], len(message) - 8)
                sound = self._sound((message[8:] ^ mask).tobytes())
                late_s = _found(call.there_s, sound, 16_000 if self._wideband else 8_000)
                if late_s is not None:
                    self._there.append(late_s)
                    call.there_s = None
                    return

    def _sound(self, message: bytes) -> bytes:
        """What a message to a model holds, as PCM."""
        return message if self._wideband else audioop.ulaw2lin(message, 2)

    # ------------------------------------------------------------------------------------------------- the handshake

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._watch(sock, lambda: self._shake_hands(sock))

    def _shake_hands(self, sock: socket.socket) -> None:
        """RFC 6455 section 4.2.2 (Sending the Server's Opening Handshake); the path is the number of the call."""
        request = sock.recv(_HANDSHAKE_BYTES_MAX)
        if b"\r\n\r\n" not in request:
            self._forget(sock)  # a client so near sends its request in one piece
            return
        head, *lines = request.split(b"\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        key = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + _WEBSOCKET_MAGIC).digest())  # noqa: S324
        sock.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + key + b"\r\n\r\n" + self._greeting
        )
        call = self._calls[int(head.split()[1].rpartition(b"/")[2])]
        call.model = sock
        self._handlers[sock.fileno()] = lambda: self._model_hears(call)


def _found(probed_s: float, sound: bytes, rate_hz: int) -> float | None:
    """Seconds from a probe to its first loud sample, if that is in `sound`."""
    if audioop.max(sound, 2) < _LOUD:
        return None
    first = int(np.argmax(np.abs(np.frombuffer(sound, np.int16).astype(np.int32)) >= _LOUD))
    return time.monotonic() - probed_s + first / rate_hz


def main(pipe: Connection, calls: int, wideband: bool, alone: bool, kind: type[Crowd] = Crowd) -> None:
    """The process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two sockets a call
    kind(pipe, calls, wideband, alone).run()
