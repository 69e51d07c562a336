import wave
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import callgate.brains
from callgate.core.audio.conceal import FADED_MS, Concealer
from callgate.core.audio.convert import converter
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.core.audio.pcm import audioop
from tests.core.audio.spectrum import Samples, amplitude, decibels, noise_share_db, pcm, samples, sine


def impaired(sound: Samples, rate_hz: int, loss: float, seed: int) -> tuple[Samples, int]:
    """A sound that has lost packets of 20 ms at random, mended; and how many they were."""
    chance, concealer, lost, gap, out = Random(seed), Concealer(rate_hz), 0, False, []
    data = pcm(sound)
    for at in range(0, len(data), rate_hz // 25):
        frame = data[at : at + rate_hz // 25]
        if at and chance.random() < loss:
            out.append(concealer.missing(20))
            lost, gap = lost + 1, True
        elif gap:
            out.append(concealer.rejoin(frame))
            gap = False
        else:
            concealer.heard(frame)
            out.append(frame)
    return samples(b"".join(out)), lost


def voice(rate_hz: int, ms: float, pitch_hz: float = 120) -> Samples:
    """A buzz with the spectrum of a vowel: every harmonic up to 3.4 kHz, falling."""
    harmonics = range(1, int(3_400 / pitch_hz))
    waves = [sine(pitch_hz * harmonic, ms, rate_hz, 6_000 / harmonic) for harmonic in harmonics]
    return np.asarray(np.sum(waves, axis=0), np.float64)


# With a share p of frames made up and each fading and drifting a little, what is wrong in the sum is about p times the
# error of one of them; without concealment it would be p itself: 20, 13 and 7 dB.
@pytest.mark.parametrize(("loss", "noise_db"), [(0.01, 27), (0.05, 20), (0.20, 9)])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_a_tone_survives_random_loss(rate_hz: int, loss: float, noise_db: float) -> None:
    for seed in (1, 2, 3):
        sound = sine(440, 6_000, rate_hz)
        mended, lost = impaired(sound, rate_hz, loss, seed)
        assert len(mended) == len(sound)
        assert lost >= 1  # the run was impaired
        assert abs(decibels(amplitude(mended, 440, rate_hz) / 10_000)) < 1.5
        assert noise_share_db(mended, sound) > noise_db, seed


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.20])
def test_speech_is_nearer_to_itself_than_with_holes(loss: float) -> None:
    prompts = Path(callgate.brains.__file__).parent / "prompts"
    data = b""
    for name in ("greeting", "menu", "hours"):
        with wave.open(str(prompts / f"{name}.wav")) as file:
            assert file.getframerate() == 8_000
            data += file.readframes(file.getnframes())
    sound = samples(data[: len(data) // 320 * 320])
    for seed in (1, 2, 3):
        mended, lost = impaired(sound, 8_000, loss, seed)
        assert lost > 0
        holes, chance = sound.copy(), Random(seed)
        for at in range(160, len(holes), 160):
            if chance.random() < loss:
                holes[at : at + 160] = 0
        assert noise_share_db(mended, sound) > noise_share_db(holes, sound) + 2, seed


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("pitch_hz", [80, 133, 220])
def test_one_lost_frame_of_a_voice_is_hardly_heard(rate_hz: int, pitch_hz: float) -> None:
    sound = voice(rate_hz, 200, pitch_hz)
    concealer, frame, data = Concealer(rate_hz), rate_hz // 25, pcm(sound)
    for at in range(0, 4 * frame, frame):
        concealer.heard(data[at : at + frame])
    made = samples(concealer.missing(20))
    assert noise_share_db(made, samples(data[4 * frame : 5 * frame])) > 7
    assert len(made) == rate_hz // 50


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("loss", [0.05, 0.20])
def test_nothing_clicks(rate_hz: int, loss: float) -> None:
    for sound in (sine(440, 4_000, rate_hz), sine(100, 4_000, rate_hz), voice(rate_hz, 4_000)):
        mended, _lost = impaired(sound, rate_hz, loss, 7)
        steepest = np.abs(np.diff(samples(pcm(sound)))).max()
        # A seam may add a tenth of the height of the sound spread over its blending; a click is a step of all of it.
        assert np.abs(np.diff(mended)).max() <= 1.1 * steepest + 0.1 * np.abs(sound).max()


@pytest.mark.parametrize("encoding", ["pcm16", "pcmu", "pcma"])
def test_a_gap_fades_and_is_silent_after_sixty_milliseconds(encoding: str) -> None:
    form = SoundFormat(encoding, 8_000)
    concealer = Concealer(8_000, encoding)
    write, read = converter(PCM_8K, form), converter(form, PCM_8K)
    loud = pcm(sine(200, 80, 8_000))
    for at in range(0, len(loud), 320):
        concealer.heard(write(loud[at : at + 320]))
    made = [concealer.missing(20) for _ in range(6)]
    assert {len(frame) for frame in made} == {form.frame_bytes}
    assert made[FADED_MS // 20 :] == [form.silence] * 3
    loudness = [audioop.rms(read(frame), 2) for frame in made]
    assert loudness[0] > loudness[1] > loudness[2] > loudness[3]
    assert loudness[0] > 5_000


def test_the_first_packet_after_a_gap_is_blended_and_the_rest_of_it_untouched() -> None:
    concealer = Concealer(8_000)
    frame = pcm(sine(150, 20, 8_000))
    for _ in range(4):
        concealer.heard(frame)
    concealer.missing(20)
    joined = concealer.rejoin(frame)
    assert joined != frame
    assert joined[80:] == frame[80:]
    assert concealer.rejoin(frame) is frame  # no gap any more


def test_after_silence_sound_comes_back_softly() -> None:
    concealer = Concealer(8_000)
    concealer.heard(pcm(sine(150, 20, 8_000)))
    concealer.missing(200)
    joined = samples(concealer.rejoin(pcm(np.full(160, 20_000.0))))
    assert joined[0] < 1_000
    assert np.abs(np.diff(joined)).max() < 1_000


def test_pieces_of_a_gap_are_one_gap() -> None:
    def started() -> Concealer:
        concealer = Concealer(8_000)
        concealer.heard(pcm(voice(8_000, 80)))
        return concealer

    whole, pieces = started(), started()
    assert whole.missing(60) == b"".join(pieces.missing(ms) for ms in (2.5, 17.5, 10, 30))


def test_before_anything_was_heard_there_is_silence() -> None:
    assert Concealer(8_000).missing(20) == bytes(320)
    concealer = Concealer(8_000)
    concealer.heard(pcm(sine(440, 20, 8_000)))
    concealer.reset()
    assert concealer.missing(20) == bytes(320)


def test_what_is_no_format_is_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        Concealer(44_100)


@settings(max_examples=150, deadline=None)
@given(
    rate_hz=st.sampled_from([8_000, 16_000, 48_000]),
    steps=st.lists(st.tuples(st.sampled_from(["heard", "missing", "rejoin"]), st.integers(0, 400), st.randoms())),
)
def test_no_sound_and_no_order_of_events_is_too_odd(rate_hz: int, steps: list[tuple[str, int, Random]]) -> None:
    concealer = Concealer(rate_hz)
    for what, size, chance in steps:
        data = chance.randbytes(2 * size)
        if what == "heard":
            concealer.heard(data)
        elif what == "rejoin":
            assert len(concealer.rejoin(data)) == len(data)
        else:
            assert len(concealer.missing(size / 10)) == 2 * round(rate_hz * size / 10_000)
