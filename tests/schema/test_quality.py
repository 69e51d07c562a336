from dataclasses import fields

import pytest

from callgate.entities.quality import SoundQuality
from callgate.schema.quality import render_quality, verdict


def test_every_field_has_its_public_name() -> None:
    rendered = render_quality(SoundQuality(codec="PCMA", packets_received=5, round_trip_ms=40.0))
    assert (rendered["codec"], rendered["packetsReceived"], rendered["roundTripMs"]) == ("PCMA", 5, 40.0)
    assert rendered["mos"] is None
    assert len(rendered) == len(fields(SoundQuality)) + 1


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (SoundQuality(), "no sound has flowed yet"),
        (SoundQuality(packets_sent=5), "nothing was heard from the caller"),
        (SoundQuality(packets_sent=5, packets_unauthenticated=9), "nothing of the caller could be decrypted"),
        (SoundQuality(packets_sent=5, packets_received=5, far_lost_fraction=1.0), "the caller hears nothing"),
        (SoundQuality(packets_received=80, packets_lost=20, mos=2.5), "hard to understand: 20.0 % of its packets"),
        (SoundQuality(packets_received=95, packets_lost=5, mos=3.9), "fair: 5.0 % of its packets"),
        (SoundQuality(packets_received=95, mos=4.3, far_mos=2.0), "the agent is hard to understand"),
        (SoundQuality(packets_received=95, mos=4.3, far_mos=3.3), "fair: the caller's reports tell of losses"),
        (SoundQuality(packets_received=100, packets_sent=100, mos=4.4, far_mos=4.4), "good"),
    ],
)
def test_the_verdict_names_the_worst(quality: SoundQuality, words: str) -> None:
    assert words in verdict(quality)
