from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.audio.comfort_noise import DEFAULT_DBOV, noise, noise_level_dbov
from tests.core.audio.spectrum import samples


@pytest.mark.rfc("3389", "3.1", "Noise Level")
def test_the_first_byte_is_the_level() -> None:
    assert noise_level_dbov(b"\x00") == 0
    assert noise_level_dbov(b"\x41\x80\x10") == -65
    assert noise_level_dbov(b"\x7f") == -127
    assert noise_level_dbov(b"") == DEFAULT_DBOV


@given(payload=st.binary(max_size=20))
def test_any_payload_has_a_level(payload: bytes) -> None:
    assert -127 <= noise_level_dbov(payload) <= 0


@pytest.mark.parametrize("level", [-20, -40, -60])
def test_the_noise_is_as_loud_as_asked_for_and_white(level: int) -> None:
    sound = samples(noise(level, 8_000, Random(5).randbytes))
    assert len(sound) == 8_000
    assert 20 * np.log10(np.sqrt(np.mean(sound**2)) / 32_768) == pytest.approx(level, abs=0.5)
    halves = np.abs(np.fft.rfft(sound)) ** 2
    assert halves[:2_000].sum() / halves[2_000:].sum() == pytest.approx(1, abs=0.15)


def test_the_same_chance_is_the_same_noise() -> None:
    assert noise(-50, 160, Random(1).randbytes) == noise(-50, 160, Random(1).randbytes)
    assert noise(-50, 160, Random(1).randbytes) != noise(-50, 160, Random(2).randbytes)
    assert np.abs(samples(noise(-127, 160, Random(1).randbytes))).max() <= 1
