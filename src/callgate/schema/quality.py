"""How a call's sound fared, as public JSON, with a verdict in words."""

from dataclasses import fields
from typing import Final

from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality

# ITU-T G.109 (Definition of categories of speech transmission quality): below R = 70 some users are dissatisfied, below
# 60 many; in MOS (G.107 annex B) that is 3.6 and 3.1.
_MOS_FAIR: Final = 3.6
_MOS_POOR: Final = 3.1
_LOSS_NOTABLE: Final = 0.03


def render_quality(quality: SoundQuality) -> JsonObject:
    """All that is known, ``null`` for what is not, and ``verdict``: the worst that can be said, in words."""
    rendered: JsonObject = {_camel(field.name): getattr(quality, field.name) for field in fields(quality)}
    rendered["verdict"] = verdict(quality)
    return rendered


def verdict(quality: SoundQuality) -> str:
    """The worst that can be said of the sound, in words."""
    if not quality.packets_sent and not quality.packets_received:
        return "no sound has flowed yet"
    if not quality.packets_received:
        if quality.packets_unauthenticated:
            return "nothing of the caller could be decrypted: its packets are plain, or under another key"
        return "nothing was heard from the caller"
    if quality.far_lost_fraction is not None and quality.far_lost_fraction >= 1:
        return "the caller hears nothing: its reports say that all our packets are lost"
    if quality.mos is not None and quality.mos < _MOS_POOR:
        return f"the caller is hard to understand: {_losses(quality)}"
    if quality.far_mos is not None and quality.far_mos < _MOS_POOR:
        return "the agent is hard to understand at the caller's end, as its reports say"
    if (quality.mos is not None and quality.mos < _MOS_FAIR) or _loss(quality) >= _LOSS_NOTABLE:
        return f"fair: {_losses(quality)}"
    if quality.far_mos is not None and quality.far_mos < _MOS_FAIR:
        return "fair: the caller's reports tell of losses"
    return "good"


def _loss(quality: SoundQuality) -> float:
    expected = quality.packets_received + quality.packets_lost
    return quality.packets_lost / expected if expected else 0.0


def _losses(quality: SoundQuality) -> str:
    return f"{100 * _loss(quality):.1f} % of its packets were lost"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
