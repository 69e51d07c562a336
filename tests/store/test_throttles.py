import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgate.entities.page import PageWanted
from callgate.entities.throttle import CallThrottle, ThrottleRule
from callgate.runtime.ids import SystemIds
from callgate.store import throttles
from callgate.store.errors import NameTaken, TooMany
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases

TWO_IN_TEN = (ThrottleRule(2, 10),)


async def made(store: Store, *rules: ThrottleRule, name: str = "slow") -> CallThrottle:
    return await store.create_throttle("account", name, rules or TWO_IN_TEN)


async def test_the_window_slides_and_is_exact(store: Store, clock: ManualClock) -> None:
    throttle = await made(store)
    assert (await store.use_throttle(throttle))[1] == 0
    clock.advance(4)
    assert (await store.use_throttle(throttle))[1] == 0
    clock.advance(5.5)
    assert await store.use_throttle(throttle) == ("", 0.5)
    clock.advance(0.5)
    assert (await store.use_throttle(throttle))[1] == 0  # exactly ten seconds after the first
    assert await store.use_throttle(throttle) == ("", 4.0)


async def test_every_rule_must_allow_a_call(store: Store, clock: ManualClock) -> None:
    throttle = await made(store, ThrottleRule(1, 1), ThrottleRule(3, 60))
    for longest in (1.0, 1.0, 58.0):
        assert (await store.use_throttle(throttle))[1] == 0
        assert await store.use_throttle(throttle) == ("", longest)
        clock.advance(1)


async def test_calls_made_at_the_same_time_are_counted_one_by_one(store: Store) -> None:
    throttle = await made(store, ThrottleRule(5, 60))
    uses = await asyncio.gather(*(store.use_throttle(throttle) for _ in range(20)))
    assert sum(wait == 0 for _, wait in uses) == 5


async def test_a_use_can_be_taken_back_and_counts_outlive_a_restart(
    databases: Databases, tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / "kept.db"
    store = await open_store(databases.at(path), clock=clock, ids=SystemIds())
    throttle = await made(store, ThrottleRule(1, 86_400))
    use_id, _ = await store.use_throttle(throttle)
    assert (await store.use_throttle(throttle))[0] == ""
    await store.unuse_throttle(use_id)
    assert (await store.use_throttle(throttle))[0]
    await store.close()

    clock.advance(86_399)
    again = await open_store(databases.at(path), clock=clock, ids=SystemIds())
    assert await again.use_throttle(throttle) == ("", 1.0)
    clock.advance(1)
    assert (await again.use_throttle(throttle))[0]
    await again.close()


async def test_a_throttle_is_its_accounts_and_names_are_unique_in_it(store: Store) -> None:
    throttle = await made(store)
    with pytest.raises(NameTaken):
        await made(store)
    other = await store.create_throttle("other", "slow", TWO_IN_TEN)
    assert await store.find_throttle("account", "slow") == throttle
    assert await store.find_throttle("account", throttle.throttle_id.upper()) == throttle
    assert await store.find_throttle("account", other.throttle_id) is None
    assert await store.get_throttle("account", other.throttle_id) is None
    assert await store.change_throttle("account", other.throttle_id, name="x", rules=None) is None
    assert not await store.delete_throttle("account", other.throttle_id)
    assert (await store.list_throttles("other", PageWanted(10))).items == [other]

    looks = await made(store, name=throttle.throttle_id)
    assert await store.find_throttle("account", throttle.throttle_id) == throttle  # the id comes before the name
    with pytest.raises(NameTaken):
        await store.change_throttle("account", looks.throttle_id, name="slow", rules=None)


async def test_other_rules_count_what_has_been_and_a_deleted_throttle_is_no_more(
    store: Store, clock: ManualClock
) -> None:
    throttle = await made(store)
    await store.use_throttle(throttle)
    await store.change_throttle("account", throttle.throttle_id, name=None, rules=(ThrottleRule(1, 30),))
    assert await store.use_throttle(throttle) == ("", 30.0)
    assert await store.delete_throttle("account", throttle.throttle_id)
    assert await store.find_throttle("account", "slow") is None
    again = await made(store)
    assert (await store.use_throttle(again))[0]


async def test_an_account_has_so_many_throttles(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles, "THROTTLES_MAX", 1)
    await made(store)
    with pytest.raises(TooMany, match="1"):
        await made(store, name="second")


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.builds(ThrottleRule, st.integers(1, 4), st.integers(1, 20)), min_size=1, max_size=3),
    st.lists(st.integers(0, 9), max_size=25),
)
async def test_no_stretch_of_time_holds_more_calls_than_the_rules_say(
    store: Store, clock: ManualClock, rules: list[ThrottleRule], pauses: list[int]
) -> None:
    throttle = await store.create_throttle("account", SystemIds().uuid(), tuple(rules))
    past: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        now = clock.monotonic()
        fits = all(sum(at > now - rule.window_s for at in past) < rule.calls_max for rule in rules)
        use_id, _ = await store.use_throttle(throttle)
        assert bool(use_id) is fits
        past += [now] * fits
    await store.delete_throttle("account", throttle.throttle_id)
