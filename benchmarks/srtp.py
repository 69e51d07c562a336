"""What SRTP adds to a packet each way, alone and as a ratio against a fixed loop of the same run.

Run it with ``python benchmarks/srtp.py``. Compare the ratio between machines and versions: a noisy or slow machine
slows both loops alike. A call has fifty packets a second each way.
"""

import time
from collections.abc import Callable

from callgate.core.rtp.packet import pack
from callgate.core.sdp.crypto import SUITES
from callgate.core.sdp.path import Crypto
from callgate.media.srtp import Srtp

_ROUNDS = 7
_PACKETS = 5_000
_PAYLOAD = b"\x55" * 160  # 20 ms of G.711
_PACKETS_PER_S = 50


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
        packet = pack(0, False, sequence & 0xFFFF, 160 * sequence & 0xFFFF_FFFF, 7, _PAYLOAD)
        assert packet[12:] == _PAYLOAD


def _both_ways(suite: str) -> tuple[float, float]:
    """Microseconds to protect a packet, and to unprotect it."""
    key = bytes(range(SUITES[suite]))
    out, into = Srtp(Crypto(suite, key, key)), Srtp(Crypto(suite, key, key))
    protecting = unprotecting = float("inf")
    for turn in range(_ROUNDS):
        packets = [
            pack(0, False, sequence & 0xFFFF, 160 * sequence & 0xFFFF_FFFF, 7, _PAYLOAD)
            for sequence in range(turn * _PACKETS, (turn + 1) * _PACKETS)
        ]
        began = time.perf_counter()
        wire = [out.protect(packet) for packet in packets]
        between = time.perf_counter()
        opened = [into.unprotect(packet) for packet in wire if packet is not None]
        ended = time.perf_counter()
        assert opened == packets
        protecting, unprotecting = min(protecting, between - began), min(unprotecting, ended - between)
    return protecting / _PACKETS * 1e6, unprotecting / _PACKETS * 1e6


def main() -> None:
    """Print the figures."""
    reference = _best(_reference)
    print(f"packets of {12 + len(_PAYLOAD)} bytes; reference loop {reference:.2f} µs a packet")
    for suite in SUITES:
        protecting, unprotecting = _both_ways(suite)
        share = (protecting + unprotecting) * _PACKETS_PER_S / 1e6
        print(
            f"{suite:24} protect {protecting:5.2f} µs (ratio {protecting / reference:.1f})   "
            f"unprotect {unprotecting:5.2f} µs (ratio {unprotecting / reference:.1f})   "
            f"{share:.2%} of a core per call"
        )


if __name__ == "__main__":
    main()
