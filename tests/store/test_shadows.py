from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from callgate.core.admission.shadow import counted, left_out
from callgate.entities.destination import Destination
from callgate.entities.shadow import Difference, ShadowTally, SipShadow
from callgate.runtime.ids import SystemIds
from callgate.store.open import Store, open_store
from callgate.testing.clock import ManualClock
from tests.peers.databases import Databases
from tests.store.facts import START

SHADOW = SipShadow(
    "shadow", "account", START, "abcdefgh", START + timedelta(days=1), 3, {"allowedAgents": [], "allowAllAgents": True}
)
ONE = Difference(
    "d1", START, "192.0.2.7", "sip:a@x", "sip:b@x", Destination("handler"), Destination("refused", "no-rule-matched")
)
TALLY = left_out(counted(counted(ShadowTally(), None), ONE))


async def test_a_draft_and_what_it_has_seen_survive_a_restart(
    databases: Databases, tmp_path: Path, clock: ManualClock
) -> None:
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    await store.put_shadow(SHADOW)
    await store.keep_shadow_tallies("process-1", {"shadow": counted(ShadowTally(), None)})
    await store.keep_shadow_tallies("process-1", {"shadow": TALLY})
    await store.close()
    again = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    assert again.snapshot.shadow("account") == SHADOW
    await again.keep_shadow_tallies("process-2", {"shadow": TALLY})
    assert await again.shadow_tallies("shadow") == {"process-1": TALLY, "process-2": TALLY}
    await again.close()


async def test_one_takes_the_place_of_the_one_before(store: Store) -> None:
    changed: list[str] = []
    store.snapshot.on_change(changed.append)
    await store.put_shadow(SHADOW)
    await store.keep_shadow_tallies("process-1", {"shadow": TALLY})
    second = replace(SHADOW, shadow_id="second")
    await store.put_shadow(second)
    assert store.snapshot.shadow("account") == second
    assert await store.shadow_tallies("shadow") == {}
    assert changed == ["account", "account"]


async def test_nothing_is_kept_of_a_draft_that_is_gone(store: Store) -> None:
    await store.put_shadow(SHADOW)
    assert not await store.drop_shadow("account", "another")
    assert await store.drop_shadow("account", "shadow")
    assert not await store.drop_shadow("account", "shadow")
    assert store.snapshot.shadow("account") is None
    await store.keep_shadow_tallies("process-1", {"shadow": TALLY})
    assert await store.shadow_tallies("shadow") == {}
