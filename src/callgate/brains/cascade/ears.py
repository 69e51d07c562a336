"""What the caller says: when a turn begins and ends, and its sound. Pure."""

from collections import deque
from typing import Final

from callgate.brains.speech_detection import Heard, SpeechDetector, TurnSettings
from callgate.core.audio.format import FRAME_MS, PCM_16K
from callgate.core.audio.pcm import audioop
from callgate.core.audio.wav import write_wav

HEARD: Final = PCM_16K  # what speech models listen to
TURN_S_MAX: Final = 30.0  # one window of the encoders that models listen through; of a longer turn its end is kept
_FRAMES_MAX: Final = int(TURN_S_MAX * 1_000) // FRAME_MS
_BEFORE_FRAMES: Final = 300 // FRAME_MS  # kept from before a turn began: the soft beginning of a word
_ONSET_FRAMES: Final = 60 // FRAME_MS  # which it took to notice
_AFTER_FRAMES: Final = 100 // FRAME_MS  # kept of the silence that ended it


class Ears:
    """Those of one call.

    Attributes:
        began_frames: how long ago the turn began, in frames: the sound before it not counted.
    """

    def __init__(self, settings: TurnSettings) -> None:
        self._detector = SpeechDetector(settings)
        self._recent: deque[bytes] = deque(maxlen=_BEFORE_FRAMES + _ONSET_FRAMES)
        self._turn: deque[bytes] = deque(maxlen=_FRAMES_MAX)
        self.began_frames = 0

    @property
    def speaking(self) -> bool:
        """Whether a turn goes on."""
        return self._detector.speaking

    @property
    def ending_frames(self) -> int:
        """How long the silence is that ends a turn."""
        return self._detector.ending_frames

    def hear(self, frame: bytes) -> Heard:
        """Take 20 ms in `HEARD`."""
        heard = self._detector.hear(audioop.rms(frame, 2))
        self._recent.append(frame)
        self.began_frames += 1
        if heard is Heard.BEGAN:
            self._turn.clear()
            self._turn.extend(self._recent)
            self.began_frames = _ONSET_FRAMES
        elif self._detector.speaking or heard is Heard.ENDED:
            self._turn.append(frame)
        return heard

    def turn(self) -> bytes:
        """The turn that has just ended, as a WAV file."""
        frames = list(self._turn)
        self._turn.clear()
        silent = max(0, self._detector.ending_frames - _AFTER_FRAMES)
        return write_wav(b"".join(frames[: len(frames) - silent] or frames), HEARD.rate_hz)
