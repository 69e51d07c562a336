import pytest

from callgate.core.sip.timers import Timers


@pytest.mark.rfc("3261", "A", "Table of Timer Values")
def test_the_usual_values() -> None:
    assert Timers.of(0.5) == Timers(t1=0.5, t2=4.0, t4=5.0)
    assert Timers().whole == 32.0


def test_all_keep_their_proportion_to_t1() -> None:
    assert Timers.of(0.01) == Timers(t1=0.01, t2=0.08, t4=0.1)


def test_waits_double_up_to_t2() -> None:
    timers, wait, waits = Timers.of(0.5), 0.5, []
    for _ in range(6):
        waits.append(wait)
        wait = timers.longer(wait)
    assert waits == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
