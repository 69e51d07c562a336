import pytest

from callgate.core.audio.tones import dtmf, strength, tone


def test_a_tone_is_recognised_by_its_frequency() -> None:
    pcm = tone(1_000, 100)
    assert len(pcm) == 1_600
    assert strength(pcm, 1_000) > 0.99
    assert strength(pcm, 1_400) < 0.05
    assert strength(bytes(320), 1_000) == 0.0


def test_a_tone_has_the_rate_asked_for() -> None:
    pcm = tone(5_000, 100, rate_hz=16_000)
    assert len(pcm) == 3_200
    assert strength(pcm, 5_000, rate_hz=16_000) > 0.99


def test_a_key_is_two_tones_as_loud_as_asked_for() -> None:
    pcm = dtmf("6", 100, rate_hz=16_000, level=0.2, twist_db=-6)
    assert strength(pcm, 770, 16_000) == pytest.approx(0.8, abs=0.03)
    assert strength(pcm, 1_477, 16_000) == pytest.approx(0.2, abs=0.03)
    assert max(memoryview(pcm).cast("h")) == pytest.approx(32_767 * 0.3, rel=0.05)


@pytest.mark.parametrize("digit", ["", "E", "12", "a"])
def test_what_is_no_key_is_refused(digit: str) -> None:
    with pytest.raises(ValueError, match="no such key"):
        dtmf(digit, 50)
