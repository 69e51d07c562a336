"""What sound costs: µs per frame of 20 ms for every conversion, and as a ratio against a fixed loop of the same run.

Run it with ``python -m benchmarks.audio``. Compare the ratio between machines and versions: a noisy or slow machine
slows both loops alike, and their rounds take turns. Each figure is the best of many short rounds; the sound is a
voice-like mix, not silence.
"""

import math
import struct
import time
from collections.abc import Callable
from functools import partial
from itertools import permutations
from random import Random

from callgate.core.audio.codecs import WireCodec, available
from callgate.core.audio.comfort_noise import noise
from callgate.core.audio.conceal import Concealer
from callgate.core.audio.convert import converter
from callgate.core.audio.fade import fade_out
from callgate.core.audio.format import (
    PCM_8K,
    PCM_16K,
    PCM_24K,
    PCM_48K,
    PCMA_8K,
    PCMU_8K,
    RATES_HZ,
    SoundFormat,
)
from callgate.core.audio.inband_digits import InbandDigits
from callgate.core.audio.resample import Resampler
from callgate.core.audio.tones import dtmf

_ROUNDS = 30
_ROUND_S = 0.003  # short enough that some rounds meet a quiet machine
_FORMATS = (PCMU_8K, PCMA_8K, PCM_8K, PCM_16K, PCM_24K, PCM_48K)


def _measure(work: Callable[[], object]) -> tuple[float, float]:
    """Microseconds per call in the best of many rounds, and its ratio to the reference loop's best among them."""
    repeats, reference_repeats = _repeats(work), _repeats(_reference)
    best = reference_best = float("inf")
    for _ in range(_ROUNDS):
        best = min(best, _round(work, repeats))
        reference_best = min(reference_best, _round(_reference, reference_repeats))
    return best * 1e6, best / reference_best


def _repeats(work: Callable[[], object]) -> int:
    work()
    return max(1, int(_ROUND_S / max(1e-7, _round(work, 3))))


def _round(work: Callable[[], object], repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats


def _reference() -> int:
    """Fixed interpreter work of the kind a sound loop does: unpack a header, slice, look up, count."""
    table = {0: "PCMU", 8: "PCMA", 101: "telephone-event"}
    packet = bytes(range(172))
    total = 0
    for _ in range(20):
        first, kind, sequence, stamp, source = struct.unpack_from("!BBHII", packet)
        if table.get(kind & 0x7F) is None:
            total += sequence
        total += len(packet[12:]) + (stamp ^ source) + first
    return total


def _voice(rate_hz: int, frames: int = 5) -> bytes:
    """A buzz of 120 Hz with noise in it, int16."""
    chance = Random(1)
    count = rate_hz // 50 * frames
    return struct.pack(
        f"<{count}h",
        *(
            int(
                sum(6_000 / part * math.sin(2 * math.pi * 120 * part * at / rate_hz) for part in range(1, 12))
                + chance.uniform(-200, 200)
            )
            for at in range(count)
        ),
    )


def _frame(form: SoundFormat) -> bytes:
    """A frame of it, in a format."""
    if form.encoding == "pcm16":
        return _voice(form.rate_hz, 1)
    return converter(PCM_8K, form)(_voice(8_000, 1))


def _conversions(codec: WireCodec, form: SoundFormat) -> tuple[Callable[[], object], Callable[[], object]]:
    """Towards the brain and towards the wire."""
    there, back = converter(codec, form), converter(form, codec)
    frame = _frame(form)
    payload = back(frame)
    return lambda: there(payload), lambda: back(frame)


def main() -> None:
    """Print the figures."""
    print(f"µs per frame of 20 ms (ratio against the reference loop of {_measure(_reference)[0]:.1f} µs)\n")
    print(f"{'wire':12}{'brain':14}{'to the brain':>18}{'to the wire':>18}")
    for codec in available():
        for form in _FORMATS:
            costs = [_measure(work) for work in _conversions(codec, form)]
            cells = "".join(f"{cost:10.2f} ({ratio:5.2f})" for cost, ratio in costs)
            print(f"{codec.name + '/' + str(codec.clock_hz):12}{form!s:14}{cells}")
    print()
    for from_hz, to_hz in permutations(RATES_HZ, 2):
        _print(f"resample {from_hz} to {to_hz}", partial(Resampler(from_hz, to_hz).push, _voice(from_hz, 1)))
    print()
    for rate_hz in RATES_HZ:
        _print(f"conceal a frame, {rate_hz} Hz", partial(_lose, _started(rate_hz), _voice(rate_hz, 1)))
    _print("hear a frame (no loss)", partial(Concealer(8_000, "pcmu").heard, _frame(PCMU_8K)))
    listener = InbandDigits()
    _print("listen for keys, silence", partial(listener.push, PCM_8K.silence))
    _print("listen for keys, voice", partial(listener.push, _voice(8_000, 1)))
    _print("listen for keys, a key", partial(listener.push, dtmf("5", 20)))
    _print("comfort noise, 8000 Hz", partial(noise, -60, 160, Random(1).randbytes))
    _print("fade out, pcmu", partial(fade_out, _frame(PCMU_8K), PCMU_8K))


def _started(rate_hz: int) -> Concealer:
    concealer, sound = Concealer(rate_hz), _voice(rate_hz, 5)
    for at in range(0, len(sound), rate_hz // 25):
        concealer.heard(sound[at : at + rate_hz // 25])
    return concealer


def _lose(concealer: Concealer, frame: bytes) -> None:
    concealer.missing(20)
    concealer.rejoin(frame)


def _print(name: str, work: Callable[[], object]) -> None:
    cost, ratio = _measure(work)
    print(f"{name:34}{cost:8.2f} ({ratio:5.2f})")


if __name__ == "__main__":
    main()
