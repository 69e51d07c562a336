from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.audio.format import RATES_HZ
from callgate.core.audio.resample import DELAY_MS, TRANSITION_HZ, Resampler
from tests.core.audio.spectrum import amplitude, decibels, noise_share_db, pcm, samples, sine

PAIRS = list(permutations(RATES_HZ, 2))

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_pass_band_is_flat_within_three_tenths_of_a_decibel(from_hz: int, to_hz: int) -> None:
    edge = min(from_hz, to_hz) / 2 - TRANSITION_HZ / 2
    for frequency in np.linspace(100, edge, 12):
        out = samples(Resampler(from_hz, to_hz).push(pcm(sine(frequency, 400, from_hz))))[to_hz // 50 :]
        assert abs(decibels(amplitude(out, frequency, to_hz) / 10_000)) <= 0.3, frequency


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] < pair[1]])
def test_images_are_53_decibels_down(from_hz: int, to_hz: int) -> None:
    edge = from_hz / 2 - TRANSITION_HZ / 2
    for frequency in np.linspace(150, edge, 9):
        out = samples(Resampler(from_hz, to_hz).push(pcm(sine(frequency, 400, from_hz))))[to_hz // 50 :]
        images = {abs(turn * from_hz + sign * frequency) for turn in range(1, 7) for sign in (-1, 1)}
        for image in (one for one in images if one < to_hz / 2):
            assert decibels(amplitude(out, image, to_hz) / 10_000) <= -53, (frequency, image)


@pytest.mark.parametrize(("from_hz", "to_hz"), [pair for pair in PAIRS if pair[0] > pair[1]])
def test_aliases_are_53_decibels_down(from_hz: int, to_hz: int) -> None:
    edge = to_hz / 2 + TRANSITION_HZ / 2
    for frequency in np.linspace(edge, from_hz / 2 - 50, 15):
        out = samples(Resampler(from_hz, to_hz).push(pcm(sine(frequency, 400, from_hz))))[to_hz // 50 :]
        assert decibels(float(np.sqrt(2 * np.mean(out**2))) / 10_000) <= -53, frequency


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_the_delay_is_one_millisecond(from_hz: int, to_hz: int) -> None:
    out = samples(Resampler(from_hz, to_hz).push(pcm(sine(1_000, 200, from_hz))))
    late = int(DELAY_MS * to_hz / 1000)
    wanted = sine(1_000, 200, to_hz)
    assert noise_share_db(out[late:][to_hz // 100 :], wanted[: len(out) - late][to_hz // 100 :]) > 30


@pytest.mark.parametrize(("from_hz", "to_hz"), PAIRS)
def test_a_frame_gives_a_frame_for_ever(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    assert {len(resampler.push(bytes(from_hz // 25))) for _ in range(100)} == {to_hz // 25}


@settings(max_examples=60, deadline=None)
@given(
    pair=st.sampled_from(PAIRS),
    sizes=st.lists(st.integers(0, 2_500), min_size=1, max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_how_sound_is_cut_changes_nothing(pair: tuple[int, int], sizes: list[int], seed: int) -> None:
    from_hz, to_hz = pair
    sound = np.random.default_rng(seed).integers(-32_768, 32_767, sum(sizes)).astype("<i2").tobytes()
    pieces, at = Resampler(from_hz, to_hz), 0
    out = b""
    for size in sizes:
        out += pieces.push(sound[at : at + 2 * size])
        at += 2 * size
    whole = samples(Resampler(from_hz, to_hz).push(sound))
    assert len(out) == 2 * len(whole)
    assert np.abs(samples(out) - whole).max(initial=0) <= 1  # sums in single precision depend on their place a little
    # No drift: what is missing is less than one group, and it is still to come.
    exact = sum(sizes) * to_hz / from_hz
    assert 0 <= exact - len(out) / 2 < to_hz / 8_000


def test_what_is_too_loud_is_clipped_not_wrapped() -> None:
    square = np.where(np.arange(1_600) % 40 < 20, 32_767.0, -32_768.0)
    for from_hz, to_hz in PAIRS:
        out = samples(Resampler(from_hz, to_hz).push(pcm(square)))[to_hz // 100 :]
        assert out.max() >= 32_000
        assert out.min() <= -32_000
        # An overshoot that wrapped would jump over the whole range and back within two samples.
        ends = out[np.abs(out) > 32_000]
        assert len(ends) > len(out) * 0.3


def test_reset_forgets() -> None:
    resampler = Resampler(16_000, 24_000)
    first = resampler.push(pcm(sine(440, 33.3, 16_000)))
    resampler.reset()
    assert resampler.push(pcm(sine(440, 33.3, 16_000))) == first


def test_half_a_sample_and_unknown_rates_are_refused() -> None:
    with pytest.raises(ValueError, match="5 bytes"):
        Resampler(8_000, 16_000).push(bytes(5))
    for from_hz, to_hz in ((8_000, 8_000), (44_100, 8_000), (8_000, 11_025)):
        with pytest.raises(ValueError, match=str(to_hz)):
            Resampler(from_hz, to_hz)
