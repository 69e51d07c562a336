"""Free text spoken by espeak-ng, in a process of its own: ``python -m callgate.brains.synthesis``.

A question is a language tag, a line feed and the text, in UTF-8; the answer is int16 little-endian, mono, 8,000 Hz.
"""

import ctypes
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from callgate.brains.companion import serve

TEXT_CHARACTERS_MAX: Final = 2_000  # some two minutes of speech; nobody on the phone listens for longer
_RATE: Final = 8_000
_TAPS: Final = 64  # at 22,050 Hz: 2.9 ms
_BLOCK: Final = 16_384  # samples resampled at once, which bounds the memory
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_DEFAULT_VOICE: Final = "en-us"

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """The engine; one per process, as it keeps its state in globals.

    Raises:
        ImportError: the extra is not installed.
        OSError: the library does not load, or does not initialise.
    """

    def __init__(self) -> None:
        import espeakng_loader

        self._library: Any = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        folder = str(Path(espeakng_loader.get_data_path())).encode()
        self._source_rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, folder, 0))
        if self._source_rate <= 0:
            raise OSError(f"espeak-ng does not initialise with {folder!r}: {self._source_rate}")
        self._pieces: list[bytes] = []
        self._callback = _Callback(self._take)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def speak(self, text: str, language: str = "") -> bytes:
        """`text` as sound: int16 little-endian, mono, 8,000 Hz.

        Args:
            text: cut off at `TEXT_CHARACTERS_MAX`.
            language: BCP 47; one that the engine does not know is read as English.
        """
        self._choose_voice(language)
        encoded = text[:TEXT_CHARACTERS_MAX].replace("\0", " ").encode("utf-8", "replace") + b"\0"
        self._pieces.clear()
        self._library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 0, 0, _UTF8, None, None)
        return resample(np.frombuffer(b"".join(self._pieces), dtype="<i2"), self._source_rate)

    def _take(self, samples: Any, count: int, events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    def _choose_voice(self, language: str) -> None:
        wanted = language.lower() or _DEFAULT_VOICE
        if wanted == self._voice:
            return
        for name in (wanted, wanted.partition("-")[0], _DEFAULT_VOICE):
            if self._library.espeak_SetVoiceByName(name.encode()) == 0:
                break
        self._voice = wanted


def resample(samples: NDArray[np.int16], source_rate: int) -> bytes:
    """Bring `samples` to 8,000 Hz with a windowed sinc that passes 3.6 kHz."""
    if not len(samples):
        return b""
    common = np.gcd(source_rate, _RATE)
    step, phases = int(source_rate // common), int(_RATE // common)
    distance = np.arange(_TAPS) - _TAPS // 2 + 1 - (np.arange(phases) / phases)[:, None]
    cutoff = 2 * 3_600 / source_rate
    table = cutoff * np.sinc(cutoff * distance) * np.cos(np.pi * distance / (_TAPS + 2)) ** 2
    table = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    padded = np.concatenate([np.zeros(_TAPS // 2 - 1), samples, np.zeros(_TAPS)]).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, _TAPS)
    result = np.empty(len(samples) * phases // step, dtype="<i2")
    for start in range(0, len(result), _BLOCK):
        position = np.arange(start, min(start + _BLOCK, len(result))) * step
        block = np.einsum("ij,ij->i", windows[position // phases], table[position % phases])
        result[start : start + len(block)] = np.clip(np.rint(block), -32_768, 32_767)
    return result.tobytes()


def main() -> None:
    """Serve one worker."""
    speaker = Speaker()
    speaker.speak("ready")

    def answer(question: bytes) -> bytes:
        language, _, text = question.decode().partition("\n")
        return speaker.speak(text, language)

    serve(answer)


if __name__ == "__main__":
    main()
