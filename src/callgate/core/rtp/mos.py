"""How a listener would rate the sound: the E-model, reduced to what a gateway can measure, loss and delay.

ITU-T G.107 (The E-model: a computational model for use in transmission planning).
Everything that is not measured keeps its default of G.107 table 3, with which R is 93.2 on a perfect line. Delay counts
by the approximation of Cole and Rosenbluth ("Voice over IP performance monitoring", 2001), loss by G.107 section 7.5
(Equipment impairment factor, Ie).
"""

from typing import Final

R_PERFECT: Final = 93.2
# G.113 appendix I, table I.3: G.711 with packet loss concealment has Ie 0 and Bpl 25.1. Wideband codecs have no values
# on this scale, which ends where they begin to be better: they count as G.711 does.
_IE: Final = 0.0
_BPL: Final = 25.1
_DELAY_NOTICED_MS: Final = 177.3


def rating(lost_fraction: float, delay_ms: float, burst_ratio: float = 1.0) -> float:
    """The rating factor R, 0 to 93.2.

    Args:
        lost_fraction: 0 to 1, after reordering, before concealment.
        delay_ms: one way, mouth to ear.
        burst_ratio: 1 for losses that come at random, more for those that come together. G.107 section 7.5.
    """
    delay = 0.024 * delay_ms + 0.11 * max(0.0, delay_ms - _DELAY_NOTICED_MS)
    loss = 100 * min(1.0, max(0.0, lost_fraction))
    equipment = _IE + (95 - _IE) * loss / (loss / burst_ratio + _BPL)  # G.107 equation 7-29
    return max(0.0, R_PERFECT - delay - equipment)


def mean_opinion(rating: float) -> float:
    """The mean opinion score of a rating, 1.0 to 4.5. G.107 annex B, equation B-4."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    # The curve dips below 1 for ratings under 6.5, which means no more than 1.
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
