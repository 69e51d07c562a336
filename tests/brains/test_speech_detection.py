import random

import pytest

from callgate.brains.speech_detection import Heard, SpeechDetector, TurnSettings, turn_settings
from callgate.entities.json import JsonObject

LOUD, QUIET = 4_000.0, 20.0


def feed(detector: SpeechDetector, *stretches: tuple[float, int]) -> list[tuple[int, Heard]]:
    """What was heard in stretches of (level, ms), with the ms at which each thing was noticed."""
    heard: list[tuple[int, Heard]] = []
    at = 0
    for level, ms in stretches:
        for _ in range(ms // 20):
            at += 20
            what = detector.hear(level)
            if what is not Heard.NOTHING:
                heard.append((at, what))
    return heard


def test_a_turn_begins_interrupts_and_ends_at_the_default_times() -> None:
    heard = feed(SpeechDetector(TurnSettings()), (QUIET, 1_000), (LOUD, 1_000), (QUIET, 1_000))
    assert heard == [(1_060, Heard.BEGAN), (1_100, Heard.INTERRUPTED), (2_400, Heard.ENDED)]


@pytest.mark.parametrize(("delay_s", "ends_ms"), [(0.02, 20), (0.2, 200), (1.0, 1_000)])
def test_the_end_of_a_turn_waits_for_the_endpoint_delay(delay_s: float, ends_ms: int) -> None:
    heard = feed(SpeechDetector(TurnSettings(turn_endpoint_delay_s=delay_s)), (LOUD, 500), (QUIET, 2_000))
    assert heard[-1] == (500 + ends_ms, Heard.ENDED)


def test_a_pause_between_words_is_no_end() -> None:
    heard = feed(SpeechDetector(TurnSettings()), (LOUD, 400), (QUIET, 300), (LOUD, 400), (QUIET, 1_000))
    assert [what for _, what in heard] == [Heard.BEGAN, Heard.INTERRUPTED, Heard.ENDED]


def test_what_is_shorter_than_a_turn_is_discarded_and_interrupts_nobody() -> None:
    detector = SpeechDetector(TurnSettings(minimum_turn_s=0.5))
    assert [what for _, what in feed(detector, (LOUD, 300), (QUIET, 1_000))] == [Heard.BEGAN, Heard.DISCARDED]
    assert Heard.INTERRUPTED in [what for _, what in feed(detector, (LOUD, 600), (QUIET, 1_000))]


def test_a_higher_threshold_wants_a_louder_voice() -> None:
    soft = (600.0, 400)
    assert feed(SpeechDetector(TurnSettings(activation_threshold=0.1)), (QUIET, 200), soft)
    assert not feed(SpeechDetector(TurnSettings(activation_threshold=0.5)), (QUIET, 200), soft)


def test_a_hum_is_learnt_and_a_voice_above_it_is_heard() -> None:
    detector = SpeechDetector(TurnSettings())
    feed(detector, (800.0, 10_000))
    assert not feed(detector, (800.0, 5_000))
    assert feed(detector, (LOUD, 400))


def test_steady_noise_is_no_speech() -> None:
    chance = random.Random(1)
    detector = SpeechDetector(TurnSettings())
    assert all(detector.hear(150 * chance.uniform(0.7, 1.3)) is Heard.NOTHING for _ in range(3_000))


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({}, TurnSettings()),
        ({"vadSettings": None}, TurnSettings()),
        ({"vadSettings": {"turnEndpointDelay": "0.5s"}}, TurnSettings(turn_endpoint_delay_s=0.5)),
        (
            {
                "vadSettings": {
                    "turnEndpointDelay": "1s",
                    "minimumTurnDuration": "0.1s",
                    "minimumInterruptionDuration": "0.2s",
                    "frameActivationThreshold": 1,
                }
            },
            TurnSettings(1.0, 0.1, 0.2, 1.0),
        ),
    ],
)
def test_turns_are_set_by_their_public_names(settings: JsonObject, read: TurnSettings) -> None:
    assert turn_settings(settings) == read
