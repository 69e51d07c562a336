from typing import Any

import pytest

from callgate.calls.gate import GateLimits
from callgate.core.admission.explain import explain_trace
from callgate.entities.attempt import Defect
from callgate.entities.decision import Verdict
from callgate.ports import StartCall
from tests.calls.stage import ACCOUNT, AGENT, Stage


async def test_a_refusal_holds_nothing_and_leaves_a_record(stage: Stage) -> None:
    considered = stage.gate.consider(stage.attempt("nobody"))
    assert considered.session is None
    assert considered.decision.status == 603
    assert stage.media.sessions == []
    record = stage.store.records[0]
    assert (record.account_id, record.outcome, record.status) == (ACCOUNT, "no-rule-matched", 603)
    assert record.source_address == "192.0.2.7"
    assert "offer" in record.attempt


async def test_the_last_session_goes_to_one_call_only(stage: Stage) -> None:
    stage.media.free = 1
    await stage.invite()
    considered = stage.gate.consider(stage.attempt())
    assert (considered.decision.outcome, considered.decision.status) == ("no-port", 503)
    assert ("Retry-After", "10") in considered.decision.headers


@pytest.mark.parametrize(
    ("limits", "outcome", "status"),
    [
        ({"limits": GateLimits(calls_max=1)}, "node-full", 503),
        ({"account_calls_max": 1}, "account-limit", 480),
        ({"agent_calls_max": 1}, "agent-limit", 480),
        ({"limits": GateLimits(calls_max=10, source_calls_per_s=0.1)}, "source-rate", 480),
    ],
)
async def test_every_limit_has_its_answer(limits: dict[str, Any], outcome: str, status: int) -> None:
    stage = Stage(**limits)
    await stage.invite()
    decision = stage.gate.consider(stage.attempt()).decision
    assert (decision.outcome, decision.status) == (outcome, status)


async def test_a_call_that_has_ended_makes_room(stage: Stage) -> None:
    stage.gate._limits = GateLimits(calls_max=1)
    stage.account_calls_max = stage.agent_calls_max = 1
    leg = await stage.invite()
    assert leg.listener is not None
    leg.listener.cancelled("")
    await stage.count_sound()
    assert (stage.registry.of_account(ACCOUNT), stage.registry.of_agent(AGENT)) == (0, 0)
    assert stage.gate.consider(stage.attempt()).decision.verdict is Verdict.ADMIT


async def test_an_agent_that_the_handler_names_is_counted_and_may_be_busy() -> None:
    stage = Stage(handler=True, agent_calls_max=1)
    other = await stage.invite("nobody")
    stage.hook.answer.set_result(StartCall(AGENT, {}))
    await stage.settle()
    assert (other.did, stage.registry.of_agent(AGENT)) == ([], 1)
    assert stage.gate.consider(stage.attempt()).decision.outcome == "agent-limit"  # of the rules too

    late = await stage.invite("nobody", call_id="call-2")
    await stage.settle()
    assert late.did == [("refuse", 480)]
    record = stage.store.records[-1]
    assert (record.outcome, record.status) == ("agent-limit", 480)
    assert "the agent has 1 calls of 1" in explain_trace(record.trace)[-1]
    assert stage.registry.of_agent(AGENT) == 1


async def test_a_draining_node_takes_no_new_calls(stage: Stage) -> None:
    stage.gate.draining = True
    assert stage.gate.consider(stage.attempt()).decision.outcome == "draining"


async def test_a_stranger_who_keeps_calling_is_ignored_until_a_patch_lets_it_in(stage: Stage) -> None:
    verdicts = [stage.gate.consider(stage.attempt(source="203.0.113.9")).decision.verdict for _ in range(300)]
    assert verdicts[0] is Verdict.REFUSE
    assert verdicts[-1] is Verdict.IGNORE
    assert not [line for line in stage.log if line[0] == "call.refused"]  # a scanner must not fill the disk
    stage.config = type(stage.config)(("203.0.113.0/24",), False, stage.config.allowed_agents)
    stage.gate.rules_changed()
    assert stage.gate.consider(stage.attempt(source="203.0.113.9")).decision.verdict is Verdict.ADMIT


async def test_an_admitted_source_is_never_noise(stage: Stage) -> None:
    for _ in range(300):
        assert stage.gate.consider(stage.attempt("nobody")).decision.status == 603


async def test_what_is_malformed_is_refused_without_words_to_strangers(stage: Stage) -> None:
    decision = stage.gate.consider(stage.attempt(defect=Defect(400, "missing: Contact"))).decision
    assert (decision.status, decision.stateless) == (400, True)
    assert stage.store.records[0].outcome == "malformed"
