import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import callgate.brains
from callgate.core.audio.inband_digits import InbandDigits
from callgate.core.audio.pcm import audioop
from callgate.core.audio.tones import HIGH_HZ, KEYS, LOW_HZ, dtmf, tone
from tests.core.audio.spectrum import Samples, pcm, samples

ALL = "".join(KEYS)
PROMPTS = sorted((Path(callgate.brains.__file__).parent / "prompts").glob("*.wav"))


def heard(sound: bytes, step: int = 320) -> str:
    listener = InbandDigits()
    return "".join(digit for at in range(0, len(sound), step) for digit, _ms in listener.push(sound[at : at + step]))


def pause(ms: int) -> bytes:
    return bytes(16 * ms)


def noisy(sound: bytes, signal_to_noise_db: float, seed: int) -> bytes:
    clean = samples(sound)
    power = np.mean(clean[clean != 0] ** 2) / 10 ** (signal_to_noise_db / 10)
    return pcm(clean + np.random.default_rng(seed).standard_normal(len(clean)) * np.sqrt(power))


def detuned(digit: str, ms: int, off: float, amplitude: float = 4_000) -> Samples:
    row = next(row for row in range(4) if digit in KEYS[row])
    time = np.arange(8 * ms) / 8_000
    low, high = LOW_HZ[row] * (1 + off), HIGH_HZ[KEYS[row].index(digit)] * (1 + off)
    return np.asarray(amplitude * (np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)), np.float64)


@pytest.mark.parametrize("level", [0.45, 0.1, 0.03, 0.014])
@pytest.mark.parametrize("lead_samples", [0, 13, 37, 79])
def test_all_sixteen_keys_at_every_level_however_they_lie(level: float, lead_samples: int) -> None:
    sound = bytes(2 * lead_samples) + b"".join(dtmf(key, 50, level=level) + pause(50) for key in ALL + ALL[::-1])
    assert heard(sound) == ALL + ALL[::-1]


def test_the_shortest_keys_and_pauses_that_must_be_heard() -> None:
    for lead in range(0, 80, 7):
        sound = bytes(2 * lead) + b"".join(dtmf(key, 40) + pause(40) for key in "112233" + ALL)
        assert heard(sound) == "112233" + ALL


@pytest.mark.parametrize("twist_db", [-8, -4, 4])
def test_twist_within_the_limits_is_taken(twist_db: float) -> None:
    assert heard(b"".join(dtmf(key, 50, level=0.15, twist_db=twist_db) + pause(50) for key in ALL)) == ALL


@pytest.mark.parametrize("twist_db", [-14, 10])
def test_twist_beyond_them_is_not(twist_db: float) -> None:
    assert heard(b"".join(dtmf(key, 50, level=0.1, twist_db=twist_db) + pause(50) for key in ALL)) == ""


@pytest.mark.parametrize("signal_to_noise_db", [25, 20, 15])
def test_noise_hides_no_key(signal_to_noise_db: float) -> None:
    sound = b"".join(dtmf(key, 50, level=0.15) + pause(50) for key in ALL)
    for seed in range(5):
        assert heard(noisy(sound, signal_to_noise_db, seed)) == ALL


@pytest.mark.parametrize("off", [-0.018, -0.015, 0.015, 0.018])
def test_a_tone_a_little_off_is_taken(off: float) -> None:
    assert heard(b"".join(pcm(detuned(key, 50, off)) + pause(50) for key in ALL)) == ALL


@pytest.mark.parametrize("off", [-0.05, -0.035, 0.035, 0.05])
def test_a_tone_far_off_is_not(off: float) -> None:
    assert heard(b"".join(pcm(detuned(key, 50, off)) + pause(50) for key in ALL)) == ""


def test_a_blip_of_fifteen_milliseconds_is_no_key() -> None:
    for lead in range(0, 80, 7):
        assert heard(bytes(2 * lead) + b"".join(dtmf(key, 15) + pause(60) for key in ALL)) == ""


def test_a_key_that_is_held_counts_once_and_early() -> None:
    listener, sound, found = InbandDigits(), dtmf("7", 2_000), []
    for at in range(0, len(sound), 320):
        found += [(digit, ms, at) for digit, ms in listener.push(sound[at : at + 320])]
    ((digit, ms, at),) = found
    assert digit == "7"
    assert ms <= 40
    assert at <= 320  # with the second frame


def test_a_drop_out_of_ten_milliseconds_is_no_second_press() -> None:
    assert heard(dtmf("5", 100) + pause(10) + dtmf("5", 100)) == "5"


def test_keys_survive_g711() -> None:
    sound = b"".join(dtmf(key, 50, level=0.1) + pause(50) for key in ALL)
    assert heard(audioop.ulaw2lin(audioop.lin2ulaw(sound, 2), 2)) == ALL
    assert heard(audioop.alaw2lin(audioop.lin2alaw(sound, 2), 2)) == ALL


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda path: path.stem)
def test_speech_presses_no_key(prompt: Path) -> None:
    with wave.open(str(prompt)) as file:
        sound, rate_hz = file.readframes(file.getnframes()), file.getframerate()
    if rate_hz != 8_000:
        sound, _state = audioop.ratecv(sound, 2, 1, rate_hz, 8_000, None)
    for gain in (0.3, 1.0, 2.5):
        assert heard(audioop.mul(sound, 2, gain)) == ""


def test_tones_and_music_press_no_key() -> None:
    for frequency in range(300, 3_400, 23):
        assert heard(tone(frequency, 200)) == ""
    mixes: list[tuple[float, float]] = [
        (350, 440),
        (440, 480),
        (480, 620),
        (1_100, 2_100),
        (400, 450),
        (697, 770),
        (1_209, 1_477),
    ]
    scale = [261.6 * 2 ** (step / 12) for step in range(36)]
    mixes += [(scale[root], scale[root + third]) for root in range(28) for third in (3, 4, 5, 7)]
    for first, second in mixes:
        together = (samples(tone(first, 200, 0.2)) + samples(tone(second, 200, 0.2))) * 0.9
        chord = together + samples(tone(first * 1.4983, 200, 0.15)) + samples(tone(first * 2, 200, 0.1))
        assert heard(pcm(chord)) == "", (first, second)


def test_noise_presses_no_key() -> None:
    sound = np.random.default_rng(11).standard_normal(8_000 * 60) * 6_000
    assert heard(pcm(sound)) == ""


@given(cuts=st.lists(st.integers(1, 500), min_size=1, max_size=12))
def test_how_sound_is_cut_changes_nothing(cuts: list[int]) -> None:
    sound = b"".join(dtmf(key, 50) + pause(50) for key in "19#")
    listener, at, found = InbandDigits(), 0, ""
    while at < len(sound):
        for cut in cuts:
            found += "".join(digit for digit, _ms in listener.push(sound[at : at + 2 * cut]))
            at += 2 * cut
    assert found == "19#"
