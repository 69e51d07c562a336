"""A dozen closed phrases understood by pocketsphinx: ``python -m callgate.brains.recognition``, a process of its own.

A question is an utterance, int16 little-endian, mono, 8,000 Hz; the answer is the phrase in UTF-8, empty for none.

A decoder that knows only these phrases hears one of them in whatever is said. So a second one, which knows only the
sounds of the language, hears the same: where the phrase explains the utterance much worse than any sounds do, it was
something else. And a phrase may last only as long as it takes a slow speaker to say.
"""

from math import log
from typing import Any, Final

import numpy as np

from callgate.brains.companion import serve

PHRASES: Final = (
    "what time is it",
    "tell me the time",
    "goodbye",
    "bye bye",
    "hang up",
    "repeat after me",
    "start repeating",
    "stop repeating",
    "help",
    "what can you do",
    "hello",
    "thank you",
)
UTTERANCE_S_MAX: Final = 4.0  # no phrase lasts longer
_BYTES_PER_S: Final = 16_000
# Logarithms of the decoders' scores. Measured with three synthetic voices over µ-law: phrases reach −0.11 and more,
# other sentences mostly −0.15 and less.
_SCORE_DIFFERENCE_MIN: Final = -0.12
_S_PER_CHARACTER: Final = 0.125  # 8 characters a second, half the usual pace
_S_AROUND: Final = 0.5  # silence that the utterance carries at its ends


class Listener:
    """The two decoders.

    Raises:
        ImportError: the extra is not installed.
    """

    def __init__(self) -> None:
        import pocketsphinx

        self._phrases: Any = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
        grammar = f"#JSGF V1.0; grammar phrases; public <phrase> = {' | '.join(PHRASES)};"
        self._phrases.add_jsgf_string("phrases", grammar)
        self._phrases.activate_search("phrases")
        phones = f"{pocketsphinx.get_model_path()}/en-us/en-us-phone.lm.bin"
        self._sounds: Any = pocketsphinx.Decoder(
            lm=None, allphone=phones, beam=1e-20, pbeam=1e-20, lw=2.0, loglevel="FATAL"
        )

    def understand(self, utterance: bytes) -> str:
        """The phrase that was said; empty when it was none of them."""
        duration_s = len(utterance) / _BYTES_PER_S
        if duration_s > UTTERANCE_S_MAX:
            return ""
        samples = np.frombuffer(utterance[: len(utterance) // 2 * 2], dtype="<i2").astype(np.float32)
        if not len(samples):
            return ""
        # The model wants 16,000 Hz; there is nothing above 4 kHz to mirror that it would miss.
        at = np.arange(2 * len(samples)) / 2
        pcm = np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes()
        phrase, score = _decode(self._phrases, pcm)
        if phrase not in PHRASES or duration_s > _S_AROUND + _S_PER_CHARACTER * len(phrase):
            return ""
        return phrase if score - _decode(self._sounds, pcm)[1] > _SCORE_DIFFERENCE_MIN else ""


def _decode(decoder: Any, pcm: bytes) -> tuple[str, float]:
    decoder.start_utt()
    decoder.process_raw(pcm, False, True)  # the whole utterance, so that its mean is known
    decoder.end_utt()
    found = decoder.hyp()
    return (found.hypstr, log(found.best_score)) if found and found.best_score > 0 else ("", -999.0)


def main() -> None:
    """Serve one worker."""
    listener = Listener()
    serve(lambda utterance: listener.understand(utterance).encode())


if __name__ == "__main__":
    main()
