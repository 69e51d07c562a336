"""The network of the tests is as bad as it is told to be."""

import pytest

from callgate.testing.network import Impairment, Network


def arrivals(impairment: Impairment, seed: int = 1, count: int = 20_000) -> tuple[Network, list[tuple[float, ...]]]:
    network = Network(impairment, seed)
    return network, [network.arrivals(0.02 * number) for number in range(count)]


def test_a_good_network_changes_nothing() -> None:
    _, came = arrivals(Impairment(), count=100)
    assert came == [(0.02 * number,) for number in range(100)]


def test_the_same_seed_is_the_same_network() -> None:
    bad = Impairment(loss=0.1, jitter_s=0.05, reordered=0.1, duplicated=0.1)
    assert arrivals(bad, 7)[1] == arrivals(bad, 7)[1] != arrivals(bad, 8)[1]


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("burst", [1.0, 3.0])
def test_as_many_are_lost_as_was_asked(loss: float, burst: float) -> None:
    network, came = arrivals(Impairment(loss=loss, burst=burst), count=100_000)
    lost = [not times for times in came]
    assert sum(lost) == network.lost
    assert network.lost / network.sent == pytest.approx(loss, rel=0.2)
    bursts = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert network.lost / bursts == pytest.approx(burst, rel=0.2)


def test_delays_stay_within_the_jitter() -> None:
    _, came = arrivals(Impairment(jitter_s=0.03))
    delays = [times[0] - 0.02 * number for number, times in enumerate(came)]
    assert 0 <= min(delays) < 0.001
    assert 0.029 < max(delays) <= 0.03


def test_some_are_overtaken_and_some_repeated() -> None:
    network, came = arrivals(Impairment(reordered=0.1, duplicated=0.05))
    overtaken = sum(before[0] > after[0] for before, after in zip(came, came[1:], strict=False))
    assert network.overtaken / network.sent == pytest.approx(0.1, rel=0.1)
    assert overtaken == pytest.approx(network.overtaken * 0.9, rel=0.1)  # two in a row keep their order
    assert sum(len(times) == 2 for times in came) == network.repeated
    assert network.repeated / network.sent == pytest.approx(0.05, rel=0.1)
