from callgate.core.audio.tones import strength, tone


def test_a_tone_is_recognised_by_its_frequency() -> None:
    pcm = tone(1_000, 100)
    assert len(pcm) == 1_600
    assert strength(pcm, 1_000) > 0.99
    assert strength(pcm, 1_400) < 0.05
    assert strength(bytes(320), 1_000) == 0.0
