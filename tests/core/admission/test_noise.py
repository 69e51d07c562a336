"""Strangers that keep calling: answered, answered less, not answered, heard again."""

from callgate.core.admission.noise import TALLIES_MAX, NoiseTable


def attempts(table: NoiseTable, address: str, count: int, now: float = 0.0) -> int:
    """How many of `count` refused attempts are answered."""
    answered = 0
    for _ in range(count):
        if table.noisy(address, now):
            table.ignored(address, now)
        else:
            answered += 1
            table.refused(address, now)
    return answered


def test_answered_less_and_then_not_at_all() -> None:
    table = NoiseTable(refusals_per_minute=60)
    assert attempts(table, "8.8.8.8", 60) == 60
    assert 10 <= attempts(table, "8.8.8.8", 60) <= 20
    assert attempts(table, "8.8.8.8", 1_000) == 0
    assert attempts(table, "9.9.9.9", 1) == 1
    assert [source.address for source in table.silenced(1.0)] == ["8.8.8.8"]
    assert table.ignored_ever > 1_000


def test_a_slow_source_is_always_answered() -> None:
    table = NoiseTable(refusals_per_minute=60)
    assert sum(attempts(table, "8.8.8.8", 50, now=minute * 60.0) for minute in range(30)) == 1_500


def test_heard_again_after_being_quiet_for_the_pause_and_not_before() -> None:
    table = NoiseTable(refusals_per_minute=2, pause_s=300)
    attempts(table, "8.8.8.8", 20)
    assert attempts(table, "8.8.8.8", 1, now=299.0) == 0
    assert table.noisy("8.8.8.8", 598.0)  # the attempt at 299 began the pause anew
    assert not table.noisy("8.8.8.8", 898.0)


def test_ipv6_counts_by_64_and_mapped_addresses_as_ipv4() -> None:
    table = NoiseTable(refusals_per_minute=2)
    for host in range(20):
        attempts(table, f"2001:db8:0:1::{host:x}", 1)
    assert table.noisy("2001:db8:0:1:ffff::1", 0.0)
    assert not table.noisy("2001:db8:0:2::1", 0.0)
    attempts(table, "::ffff:8.8.8.8", 20)
    assert table.noisy("8.8.8.8", 0.0)


def test_a_change_of_rules_releases_the_sources_it_affects() -> None:
    table = NoiseTable(refusals_per_minute=2)
    attempts(table, "8.8.8.8", 20)
    attempts(table, "9.9.9.9", 20)
    assert table.release(lambda address: address == "8.8.8.8") == 1
    assert not table.noisy("8.8.8.8", 0.0)
    assert table.noisy("9.9.9.9", 0.0)


def test_the_spared_are_never_noise_even_when_they_were() -> None:
    spared: set[str] = set()
    table = NoiseTable(refusals_per_minute=2, spared=spared.__contains__)
    attempts(table, "8.8.8.8", 20)
    spared.add("8.8.8.8")
    assert attempts(table, "8.8.8.8", 100) == 100
    assert len(table) == 0


def test_memory_is_bounded_and_the_longest_unheard_is_forgotten() -> None:
    table = NoiseTable(refusals_per_minute=2, sources_max=10)
    for host in range(11):
        attempts(table, f"8.8.8.{host}", 5)
    assert len(table) == 10
    assert not table.noisy("8.8.8.0", 0.0)
    assert table.noisy("8.8.8.10", 0.0)


def test_a_bucket_fills_as_time_goes_by() -> None:
    table = NoiseTable(refusals_per_minute=60)
    assert attempts(table, "8.8.8.8", 60) == 60
    assert attempts(table, "8.8.8.8", 1, now=0.5) == 1  # the fourth of those that are short of a token
    assert attempts(table, "8.8.8.8", 1, now=0.5) == 0
    assert attempts(table, "8.8.8.8", 20, now=30.0) == 20
    assert attempts(table, "8.8.8.8", 61, now=600.0) >= 60  # no deeper than it is


def test_looking_changes_nothing() -> None:
    table = NoiseTable(refusals_per_minute=2)
    attempts(table, "8.8.8.8", 3)
    assert len({table.noisy("8.8.8.8", 0.0) for _ in range(100)}) == 1
    assert table.silenced(0.0) == []


def test_who_is_admitted_after_all_begins_anew() -> None:
    table = NoiseTable(refusals_per_minute=2)
    attempts(table, "8.8.8.8", 20)
    table.forget("8.8.8.8")
    assert attempts(table, "8.8.8.8", 2) == 2


def test_each_source_is_told_of_once_and_very_many_as_a_sum() -> None:
    table = NoiseTable(refusals_per_minute=2)
    answered = attempts(table, "8.8.8.8", 20)
    attempts(table, "2001:db8::1", 1)
    attempts(table, "2001:db8::2", 1)
    told = [(tally.address, tally.refused, tally.ignored) for tally in table.report()]
    assert told == [("8.8.8.8", answered, 20 - answered), ("2001:db8::2", 2, 0)]
    assert table.report() == []
    for host in range(TALLIES_MAX + 5):
        attempts(table, f"10.0.{host // 256}.{host % 256}", 1)
    *each, others = table.report()
    assert (len(each), others.address, others.refused) == (TALLIES_MAX, "", 5)
