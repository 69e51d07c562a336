import io
import wave

from callgate.brains.cascade.ears import HEARD, TURN_S_MAX, Ears
from callgate.brains.speech_detection import Heard, TurnSettings
from callgate.core.audio.tones import strength, tone

VOICE = tone(450, 20, rate_hz=16_000)


def hear(ears: Ears, frame: bytes, ms: int) -> list[Heard]:
    return [heard for _ in range(ms // 20) if (heard := ears.hear(frame)) is not Heard.NOTHING]


def sound(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        assert file.getframerate() == HEARD.rate_hz
        pcm: bytes = file.readframes(file.getnframes())
    return pcm


def test_a_turn_has_its_soft_beginning_and_little_of_its_silence() -> None:
    ears = Ears(TurnSettings())
    quiet = b"\x05\x00" * 320
    assert hear(ears, quiet, 1_000) == []
    assert hear(ears, VOICE, 500) == [Heard.BEGAN, Heard.INTERRUPTED]
    assert ears.speaking
    assert ears.began_frames == 500 // 20
    assert hear(ears, HEARD.silence, 400) == [Heard.ENDED]
    pcm = sound(ears.turn())
    assert len(pcm) == 32 * (300 + 500 + 100)
    assert pcm[: 32 * 300] == quiet * 15
    assert strength(pcm[32 * 300 : 32 * 800], 450, 16_000) > 0.99


def test_the_next_turn_begins_anew() -> None:
    ears = Ears(TurnSettings(turn_endpoint_delay_s=0.06))
    for _ in range(2):
        hear(ears, HEARD.silence, 1_000)
        hear(ears, VOICE, 200)
        assert hear(ears, HEARD.silence, 60) == [Heard.ENDED]
        assert len(sound(ears.turn())) == 32 * (300 + 200 + 60)


def test_of_a_turn_that_is_too_long_the_end_is_kept() -> None:
    ears = Ears(TurnSettings())
    hear(ears, VOICE, 40_000)
    hear(ears, HEARD.silence, 400)
    assert len(sound(ears.turn())) == 32 * (int(TURN_S_MAX * 1_000) - (400 - 100))
