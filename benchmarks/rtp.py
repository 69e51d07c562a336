"""What one packet of sound costs on its way in: read, proved, put into order, its jitter measured.

Run it with ``python benchmarks/rtp.py``. Compare the ratio between machines and versions: a noisy or slow machine slows
both loops alike. A call has fifty packets a second each way; decoding, SRTP and the sockets are not in it.
"""

import time
from collections.abc import Callable
from typing import Final

from callgate.core.rtp.jitter_buffer import JitterBuffer
from callgate.core.rtp.latching import Latch
from callgate.core.rtp.packet import HEADER, HEADER_BYTES, PLAIN, pack, unpack
from callgate.core.rtp.reception import Reception

_ROUNDS: Final = 7
_PACKETS: Final = 5_000
_PAYLOAD: Final = b"\x55" * 160  # 20 ms of G.711
_PACKETS_PER_S: Final = 50
_SOURCE: Final = ("192.0.2.1", 4_000)
_DATA: Final = [pack(0, False, number, 160 * number, 7, _PAYLOAD) for number in range(_PACKETS)]
# One in twenty swapped with the one after it, and one in twenty missing.
_MANY: Final = [pack(0, False, number, 160 * number, 7, _PAYLOAD) for number in range(_PACKETS * 20 // 19 + 1)]
_TROUBLED: Final = [
    _MANY[number + (number % 20 == 4) - (number % 20 == 5)] for number in range(len(_MANY)) if number % 20 != 15
][:_PACKETS]


def _best(work: Callable[[], object]) -> float:
    """Microseconds per packet in the best of a few rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best / _PACKETS * 1e6


def _reference() -> None:
    """Fixed interpreter work of the kind a packet takes: write a header, put it before a payload, look at it."""
    for sequence in range(_PACKETS):
        packet = HEADER.pack(PLAIN, 0, sequence & 0xFFFF, 160 * sequence & 0xFFFF_FFFF, 7) + _PAYLOAD
        assert packet[12:] == _PAYLOAD


def _read() -> None:
    for data in _DATA:
        first, _second, _sequence, _timestamp, _ssrc = HEADER.unpack_from(data)
        assert first == PLAIN
        data[HEADER_BYTES:]


def _read_into_tuple() -> None:
    for data in _DATA:
        unpack(data)


def _receive(packets: list[bytes]) -> Reception:
    reception, now_s = Reception(), 0.0
    push = reception.push
    for data in packets:
        now_s += 0.02
        _first, _second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        push(sequence, timestamp, ssrc, data[HEADER_BYTES:], now_s)
    return reception


def _receive_proved() -> None:
    reception, latch, now_s = Reception(), Latch(_SOURCE), 0.0
    push, accept = reception.push, latch.accept
    for data in _DATA:
        now_s += 0.02
        _first, _second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        if accept(_SOURCE, ssrc, sequence, now_s):
            push(sequence, timestamp, ssrc, data[HEADER_BYTES:], now_s)


def _hold_back() -> None:
    buffer, now_s = JitterBuffer(), 0.0
    for data in _DATA:
        now_s += 0.02
        _first, _second, sequence, timestamp, _ssrc = HEADER.unpack_from(data)
        buffer.push(sequence, timestamp, data[HEADER_BYTES:], now_s)
        buffer.pull(now_s)


def main() -> None:
    """Print the figures."""
    reference = _best(_reference)
    print(f"packets of {len(_DATA[0])} bytes; reference loop {reference:.2f} µs")
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("read", _read),
        ("read into a tuple", _read_into_tuple),
        ("read + order + jitter", lambda: _receive(_DATA)),
        ("read + order + jitter + proof", _receive_proved),
        ("the same, swaps and losses", lambda: _receive(_TROUBLED)),
        ("read + jitter buffer, in and out", _hold_back),
    )
    for name, work in steps:
        cost = _best(work)
        calls = 1e6 / (cost * _PACKETS_PER_S)
        print(f"{name:34} {cost:5.2f} µs   ratio {cost / reference:.2f}   a core full of it: {calls:,.0f} calls")


if __name__ == "__main__":
    main()
