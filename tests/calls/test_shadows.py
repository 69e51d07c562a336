from dataclasses import replace
from datetime import timedelta

import pytest

from callgate.calls.gate import GateLimits
from callgate.core.admission.shadow import ShadowPolicy
from callgate.entities.decision import Verdict
from callgate.entities.destination import Destination
from callgate.entities.shadow import ShadowTally
from callgate.entities.sip_config import SipConfig
from tests.calls.stage import ACCOUNT, AGENT, Stage

ADA = Destination("agent", AGENT)
NOBODY = Destination("refused", "no-rule-matched")
STRANGER = Destination("refused", "source-not-allowed")


def put_up(stage: Stage, draft: SipConfig, seconds: float = 3_600) -> None:
    until = stage.clock.now() + timedelta(seconds=seconds)
    stage.drafts[ACCOUNT] = ShadowPolicy("shadow", until, stage.compiled(draft))


def tally(stage: Stage) -> ShadowTally:
    return stage.shadows.tally("shadow")


async def test_without_a_draft_nothing_is_counted(stage: Stage) -> None:
    await stage.invite()
    stage.gate.consider(stage.attempt("nobody"))
    assert tally(stage) == ShadowTally()
    assert stage.shadows.to_keep() == {}


async def test_calls_and_refusals_are_compared_and_named_by_their_records(stage: Stage) -> None:
    put_up(
        stage, replace(stage.config, allowed_agents=(replace(stage.config.allowed_agents[0], to_user_pattern="^n"),))
    )
    await stage.invite("demo")
    stage.agent.ready()
    await stage.settle()
    stage.gate.consider(stage.attempt("nobody"))
    stage.gate.consider(stage.attempt("else"))
    seen = tally(stage)
    assert (seen.attempts, seen.changed) == (3, 2)
    assert seen.moves == {(ADA, NOBODY): 1, (NOBODY, ADA): 1}
    refused, admitted = seen.last
    records = {record.decision_id: record.to_uri for record in stage.store.records}
    assert records[admitted.decision_id] == admitted.to_uri == "sip:demo@example.org"
    assert records[refused.decision_id] == refused.to_uri == "sip:nobody@example.org"


async def test_the_live_verdict_is_never_touched(stage: Stage) -> None:
    put_up(stage, SipConfig())
    considered = stage.gate.consider(stage.attempt())
    assert considered.decision.verdict is Verdict.ADMIT
    assert tally(stage).attempts == 0  # until a leg exists for it, it is nobody's


async def test_strangers_whom_a_draft_would_let_in(stage: Stage) -> None:
    put_up(stage, replace(stage.config, allowed_cidr_ranges=("203.0.113.0/24",)))
    stage.gate.consider(stage.attempt(source="203.0.113.9"))
    seen = tally(stage)
    assert seen.moves == {(STRANGER, ADA): 1}
    assert seen.last[0].decision_id == ""
    for _ in range(300):
        stage.gate.consider(stage.attempt(source="203.0.113.9"))
    assert tally(stage).moves[Destination("ignored", "noise"), ADA] > 0


async def test_want_of_room_is_left_out() -> None:
    stage = Stage(limits=GateLimits(calls_max=1))
    put_up(stage, SipConfig())
    await stage.invite()
    stage.gate.consider(stage.attempt())
    assert (tally(stage).attempts, tally(stage).left_out) == (1, 1)
    await stage.tasks.close()


async def test_a_draft_counts_until_its_time_is_over(stage: Stage) -> None:
    put_up(stage, SipConfig(), seconds=60)
    stage.gate.consider(stage.attempt("nobody"))
    stage.clock.advance(60)
    stage.gate.consider(stage.attempt("nobody"))
    assert tally(stage).attempts == 1


async def test_only_what_is_new_is_to_be_kept(stage: Stage) -> None:
    put_up(stage, SipConfig())
    stage.gate.consider(stage.attempt("nobody"))
    first = stage.shadows.to_keep()
    assert first == {"shadow": tally(stage)}
    assert stage.shadows.to_keep() == first  # until it has been written
    stage.shadows.kept(first)
    assert stage.shadows.to_keep() == {}
    stage.gate.consider(stage.attempt("nobody"))
    assert stage.shadows.to_keep() == {"shadow": tally(stage)}
    stage.drafts.clear()
    assert stage.shadows.to_keep() == {}
    assert tally(stage) == ShadowTally()


@pytest.mark.parametrize("uri", ["sip:" + "x" * 5_000 + "@example.org", "sip:\udcff@example.org"])
async def test_what_a_stranger_writes_is_kept_short_and_can_be_stored(stage: Stage, uri: str) -> None:
    put_up(stage, replace(stage.config, allowed_cidr_ranges=("203.0.113.0/24",)))
    stage.gate.consider(stage.attempt(source="203.0.113.9", to_uri=uri))
    shown = tally(stage).last[0].to_uri
    assert len(shown.encode()) < 300
