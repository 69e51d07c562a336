"""When a caller begins and ceases to speak, told by the energy of 20 ms frames against an adaptive floor. Pure."""

from dataclasses import dataclass
from enum import Enum, auto
from math import ceil
from typing import Final

from callgate.entities.json import Json, JsonObject
from callgate.schema.duration import seconds

FRAME_S: Final = 0.02
# A floor rises by 1 % a frame (×1.6 a second) and falls at once, so a hum is learnt and the gaps of speech reset it.
_FLOOR_RISE: Final = 1.01
_FLOOR_MAX: Final = 1_500.0  # root mean square; no line whose noise is louder can carry speech
# At the default activation threshold of 0.1 (the API's least): 250 is about −42 dBFS, above G.711's own noise, and
# three times the floor is about 10 dB above it. Both grow with the threshold.
_LEVEL_PER_THRESHOLD: Final = 2_500.0
_MARGIN_PER_THRESHOLD: Final = 20.0
_ONSET_FRAMES: Final = 3  # 60 ms: longer than a click, shorter than a syllable


class Heard(Enum):
    """What a frame meant for the turns of a conversation."""

    NOTHING = auto()
    BEGAN = auto()  # the caller has begun to speak
    INTERRUPTED = auto()  # has spoken for long enough to be meant as an interruption
    ENDED = auto()  # has finished a turn
    DISCARDED = auto()  # it was too short to be a turn


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """The public `vadSettings`.

    Attributes:
        turn_endpoint_delay_s: silence that ends a turn.
        minimum_turn_s: speech that makes a turn.
        minimum_interruption_s: speech that interrupts the agent; counts only where it exceeds `minimum_turn_s`.
        activation_threshold: 0.1 to 1; how loud a frame must be to count as speech.
    """

    turn_endpoint_delay_s: float = 0.384
    minimum_turn_s: float = 0.0
    minimum_interruption_s: float = 0.09
    activation_threshold: float = 0.1


def turn_settings(settings: JsonObject) -> TurnSettings:
    """Those that a call's settings ask for, and the public defaults for what they do not say."""
    given = settings.get("vadSettings")
    if not isinstance(given, dict):
        return TurnSettings()
    own = TurnSettings()
    threshold = given.get("frameActivationThreshold")
    return TurnSettings(
        _seconds(given.get("turnEndpointDelay"), own.turn_endpoint_delay_s),
        _seconds(given.get("minimumTurnDuration"), own.minimum_turn_s),
        _seconds(given.get("minimumInterruptionDuration"), own.minimum_interruption_s),
        float(threshold) if isinstance(threshold, int | float) else own.activation_threshold,
    )


class SpeechDetector:
    """Follows one caller's voice."""

    __slots__ = (
        "_active",
        "_floor",
        "_interrupted",
        "_interruption_frames",
        "_level_min",
        "_margin",
        "_silent",
        "_turn_frames",
        "ending_frames",
        "speaking",
    )

    def __init__(self, settings: TurnSettings) -> None:
        self.ending_frames = max(1, _frames(settings.turn_endpoint_delay_s))
        self._turn_frames = _frames(settings.minimum_turn_s)
        self._interruption_frames = _frames(max(settings.minimum_interruption_s, settings.minimum_turn_s))
        self._level_min = _LEVEL_PER_THRESHOLD * settings.activation_threshold
        self._margin = 1.0 + _MARGIN_PER_THRESHOLD * settings.activation_threshold
        self._floor = self._level_min / self._margin
        self._active = 0  # frames of speech in the turn; before its onset, of late
        self._silent = 0  # frames of silence since the last frame of speech
        self._interrupted = False
        self.speaking = False

    def hear(self, level: float) -> Heard:
        """Take one frame.

        Args:
            level: root mean square of its int16 samples.
        """
        floor = self._floor
        active = level > self._level_min and level > floor * self._margin
        self._floor = level if level < floor else min(max(floor, 1.0) * _FLOOR_RISE, _FLOOR_MAX)
        if not self.speaking:
            self._active = self._active + 1 if active else max(0, self._active - 1)
            if self._active < _ONSET_FRAMES:
                return Heard.NOTHING
            self.speaking, self._silent, self._interrupted = True, 0, False
            return Heard.BEGAN
        if active:
            self._active += 1
            self._silent = 0
            if not self._interrupted and self._active >= self._interruption_frames:
                self._interrupted = True
                return Heard.INTERRUPTED
            return Heard.NOTHING
        self._silent += 1
        if self._silent < self.ending_frames:
            return Heard.NOTHING
        long_enough = self._active >= self._turn_frames
        self.speaking, self._active = False, 0
        return Heard.ENDED if long_enough else Heard.DISCARDED


def _frames(duration_s: float) -> int:
    return ceil(duration_s / FRAME_S - 1e-9)


def _seconds(value: Json, default: float) -> float:
    return seconds(value) if isinstance(value, str) else default
