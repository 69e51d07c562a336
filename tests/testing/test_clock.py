from callgate.testing.clock import ManualClock


def test_alarms_ring_in_order_each_at_its_own_time() -> None:
    clock = ManualClock()
    rung: list[tuple[str, float]] = []
    begun = clock.monotonic()

    def ring(name: str) -> None:
        rung.append((name, clock.monotonic() - begun))
        if name == "first":
            clock.after(1, lambda: ring("set on the way"))

    clock.after(5, lambda: ring("last"))
    clock.after(2, lambda: ring("first"))
    clock.after(4, lambda: ring("cancelled")).cancel()
    clock.advance(4.5)
    assert rung == [("first", 2.0), ("set on the way", 3.0)]
    clock.advance(1)
    assert rung[-1] == ("last", 5.0)


def test_both_clocks_move_together() -> None:
    clock = ManualClock()
    wall, monotonic = clock.now(), clock.monotonic()
    clock.advance(90)
    assert (clock.now() - wall).total_seconds() == clock.monotonic() - monotonic == 90
