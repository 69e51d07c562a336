from datetime import UTC

from callgate.runtime.clock import SystemClock


def test_the_wall_clock_is_utc_and_the_other_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
