import pytest

from callgate.brains.opening import Opening, opening
from callgate.entities.json import JsonObject


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Opening()),
        ({"firstSpeakerSettings": {"agent": {}}}, Opening()),
        (
            {"firstSpeakerSettings": {"agent": {"text": "Hi", "delay": "1.5s", "uninterruptible": True}}},
            Opening(1.5, "Hi", uninterruptible=True),
        ),
        ({"firstSpeakerSettings": {"agent": {"text": " "}}}, Opening()),
        ({"firstSpeakerSettings": {"user": {}}}, Opening(None, yields=True)),
        (
            {"firstSpeakerSettings": {"user": {"fallback": {"delay": "3s", "text": "Hello?"}}}},
            Opening(3.0, "Hello?", yields=True),
        ),
        ({"firstSpeaker": "FIRST_SPEAKER_USER"}, Opening(None, yields=True)),
        ({"firstSpeaker": "FIRST_SPEAKER_AGENT"}, Opening()),
    ],
)
def test_who_speaks_first(settings: JsonObject, expected: Opening) -> None:
    assert opening(settings) == expected
