import pytest

from callgate.core.rtp.mos import R_PERFECT, mean_opinion, rating


@pytest.mark.parametrize(("r", "mos"), [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_opinions_are_those_of_the_standards_table(r: float, mos: float) -> None:
    """G.107 annex B, table B.1."""
    assert mean_opinion(r) == pytest.approx(mos, abs=0.01)


def test_the_scale_has_ends() -> None:
    assert mean_opinion(-5) == mean_opinion(0) == 1.0
    assert mean_opinion(100) == mean_opinion(120) == 4.5
    assert all(1.0 <= mean_opinion(r / 10) <= 4.5 for r in range(1_000))


def test_a_perfect_line_is_a_perfect_line() -> None:
    assert rating(0.0, 0.0) == R_PERFECT


def test_loss_delay_and_bursts_make_it_worse() -> None:
    by_loss = [mean_opinion(rating(loss, 20)) for loss in (0.0, 0.01, 0.05, 0.2, 1.0)]
    assert by_loss == sorted(by_loss, reverse=True)
    assert by_loss[1] > 4.2
    assert 3.3 < by_loss[2] < 4.0
    assert by_loss[3] < 2.7
    by_delay = [rating(0.0, delay) for delay in (0, 100, 177, 300, 1_000)]
    assert by_delay == sorted(by_delay, reverse=True)
    assert rating(0.05, 20, burst_ratio=2.0) < rating(0.05, 20)
