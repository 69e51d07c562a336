"""Replay, shadow, suggestions and lint over HTTP; live calls beside a shadow are in `scenarios/test_shadow.py`."""

from dataclasses import replace
from typing import Any

import pytest

from callgate.core.admission.shadow import counted
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.entities.destination import Destination
from callgate.entities.shadow import Difference, ShadowTally
from tests.store.facts import START, a_record
from tests.web.conftest import Answer, Api

SIP = "/api/sip"
REPLAY = f"{SIP}/replay"
SHADOW = f"{SIP}/shadow"
LINT = "X-Callgate-Lint"


async def keep(api: Api, *users: str, **more: Any) -> list[DecisionRecord]:
    """Records of refused calls to some users."""
    uris = [f"sip:{user}@acme.sip.test" for user in users]
    records = [a_record(api.account.account_id, to_uri=uri, request_uri=uri, **more) for uri in uris]
    for record in records:
        api.store.decision(record)
    await api.store.written()
    return records


async def open_to(api: Api, *patterns: str) -> str:
    """Rules with one agent and its patterns; its id."""
    agent = await api.agent("Ada")
    entries = [{"agentId": agent, "toUserPattern": pattern} for pattern in patterns]
    answer = await api.ask("PATCH", SIP, {"allowedCidrRanges": ["192.0.2.0/24"], "allowedAgents": entries})
    assert answer.status == 200
    return agent


# -------------------------------------------------------------------------------------------------------------- replay


async def replayed(api: Api, body: Any) -> Answer:
    """The answer to a replay, once there is one: on a busy machine it becomes a job."""
    answer = await api.ask("POST", REPLAY, body)
    while answer.status == 202 or answer.body["state"] == "running":
        answer = await api.ask("GET", f"{REPLAY}/{answer.body['jobId']}")
    return answer


async def test_a_replay_says_where_calls_would_have_gone(api: Api) -> None:
    agent = await open_to(api, "^demo$")
    old, *_ = await keep(api, "+1555", "+1555", "sales")
    admitted = replace(
        old,
        decision_id="0",
        to_uri="sip:demo@acme.sip.test",
        request_uri="sip:demo@acme.sip.test",
        verdict=Verdict.ADMIT,
        agent_id=agent,
        trace=(TraceEntry(Step.ALLOWED_AGENTS, "matched", (("agent", agent),)),),
    )
    api.store.decision(admitted)
    draft = {"allowedAgents": [{"agentId": agent, "toUserPattern": "^\\+1"}]}
    answer = await replayed(api, {"patch": draft})
    assert (answer.status, answer.body["state"], answer.body["error"]) == (200, "done", None)
    assert answer.body["progress"] == {"records": 4, "total": 4}
    result = answer.body["result"]
    assert (result["records"], result["same"], result["changed"]) == (4, 1, 3)
    gained, lost = result["moves"]
    assert gained["from"]["outcome"] == lost["to"]["outcome"] == "no-rule-matched"
    assert (gained["to"]["agentId"], gained["to"]["agentName"]) == (agent, "Ada")
    assert (gained["count"], lost["count"]) == (2, 1)
    assert gained["examples"][0]["toUri"] == "sip:+1555@acme.sip.test"
    assert lost["examples"][0]["decisionId"] == "0"
    assert result["agents"] == [{"agentId": agent, "agentName": "Ada", "gains": 2, "loses": 1}]
    assert result["summary"].startswith("3 of 4 attempts would have gone elsewhere")
    again = await api.ask("GET", f"{REPLAY}/{answer.body['jobId']}")
    assert again.body == answer.body


async def test_the_rules_in_force_change_nothing_and_are_not_changed(api: Api) -> None:
    await open_to(api, "^demo$")
    await keep(api, "+1555", "sales")
    before = (await api.ask("GET", SIP)).headers["ETag"]
    result = (await replayed(api, {"patch": {}})).body["result"]
    assert (result["changed"], result["moves"], result["agents"]) == (0, [], [])
    assert (await api.ask("GET", SIP)).headers["ETag"] == before


async def test_a_span_of_time(api: Api) -> None:
    await keep(api, "a")
    day = START.date().isoformat()
    for span, records in (
        ({"fromDate": day, "toDate": day}, 1),
        ({"toDate": "2025-12-31"}, 0),
        ({"fromDate": "2026-01-02"}, 0),
    ):
        assert (await replayed(api, {"patch": {}, **span})).body["result"]["records"] == records


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ({}, ("patch",), "required, but absent"),
        ({"patch": {"allowedCidrRanges": ["x"]}}, ("patch", "allowedCidrRanges", "0"), "not an IPv4 range"),
        ({"patch": {}, "fromDate": "soon"}, ("fromDate",), "expected a date"),
        ({"patch": {}, "until": "x"}, ("until",), "unknown key"),
    ],
)
async def test_mistakes_are_told_where_they_are(api: Api, body: Any, path: tuple[str, ...], words: str) -> None:
    answer = await api.ask("POST", REPLAY, body)
    assert answer.status == 400
    found = answer.body
    for part in path:
        found = found[part]
    assert words in found[0]


async def test_a_replay_is_forgotten_when_it_is_deleted(api: Api) -> None:
    job = (await api.ask("POST", REPLAY, {"patch": {}})).body["jobId"]
    assert (await api.ask("DELETE", f"{REPLAY}/{job}")).status == 204
    for method in ("GET", "DELETE"):
        assert (await api.ask(method, f"{REPLAY}/{job}")).status == 404


async def test_one_that_takes_longer_is_a_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.operations.replay._ANSWER_S_MAX", 0.0)
    await keep(api, "a")
    answer = await api.ask("POST", REPLAY, {"patch": {}})
    assert (answer.status, answer.body["state"], answer.body["result"]) == (202, "running", None)
    assert answer.headers["Location"] == f"{REPLAY}/{answer.body['jobId']}"
    while answer.body["state"] == "running":
        answer = await api.ask("GET", f"{REPLAY}/{answer.body['jobId']}")
    assert (answer.status, answer.body["state"], answer.body["result"]["records"]) == (200, "done", 1)


# --------------------------------------------------------------------------------------------------------- suggestions


async def test_suggestions_come_with_what_else_they_let_in_and_can_be_patched(api: Api) -> None:
    agent = await open_to(api, "^1555[0-9]$")
    record, *_ = await keep(api, "+15551", "+15552", "sales")
    body = (await api.ask("GET", f"{SIP}/decisions/{record.decision_id}/suggestions")).body
    assert (body["reason"], body["now"]["outcome"], body["records"]) == (None, "no-rule-matched", 2)
    exact, wider = body["suggestions"]
    assert (exact["alsoLetsIn"], wider["alsoLetsIn"]) == (0, 1)
    assert wider["patch"] == {"allowedAgents": [{"agentId": agent, "toUserPattern": r"^\+?1555[0-9]$"}]}
    assert wider["examples"][0]["toUri"] == "sip:+15552@acme.sip.test"
    assert (wider["to"]["agentId"], wider["reroutes"]) == (agent, 0)
    attempt = {"attempt": {"sourceAddress": "192.0.2.1", "toUri": "+15551"}}
    for suggestion in (exact, wider):
        assert (await api.ask("POST", f"{SIP}/evaluate", {**attempt, "patch": suggestion["patch"]})).body[
            "verdict"
        ] == "admit"
    assert (await api.ask("PATCH", SIP, wider["patch"])).status == 200
    after = (await api.ask("GET", f"{SIP}/decisions/{record.decision_id}/suggestions")).body
    assert (after["suggestions"], after["reason"]) == ([], "the rules in force would let it in")


async def test_suggestions_are_for_refusals(api: Api) -> None:
    (record,) = await keep(api, "a", verdict=Verdict.ADMIT)
    assert (await api.ask("GET", f"{SIP}/decisions/{record.decision_id}/suggestions")).status == 409
    assert (await api.ask("GET", f"{SIP}/decisions/nothing/suggestions")).status == 404


# -------------------------------------------------------------------------------------------------------------- shadow


async def test_a_draft_beside_the_rules_is_shown_without_secrets_and_taken_away(api: Api) -> None:
    assert (await api.ask("GET", SHADOW)).status == 404
    handler = {"url": "https://a.example/", "secrets": ["hush-hush"]}
    put = await api.ask("PUT", SHADOW, {"patch": {"fallbackHandler": handler}, "duration": "60s"})
    assert put.status == 200
    assert put.body["patch"] == {"fallbackHandler": {"url": "https://a.example/"}}
    assert (put.body["state"], put.body["baseVersion"], put.body["configVersion"]) == ("watching", 1, 1)
    assert (put.body["attempts"], put.body["differences"]) == (0, [])
    assert (await api.ask("GET", SHADOW)).body == put.body
    assert (await api.ask("GET", SIP)).body["fallbackHandler"] is None
    assert (await api.ask("DELETE", SHADOW)).status == 204
    assert (await api.ask("DELETE", SHADOW)).status == 404


async def test_what_other_processes_have_seen_is_counted_too(api: Api) -> None:
    agent = await open_to(api, "^demo$")
    shadow = (await api.ask("PUT", SHADOW, {"patch": {"allowedAgents": []}})).body["shadowId"]
    difference = Difference(
        "d", START, "192.0.2.7", "sip:demo@x", "sip:demo@x", Destination("agent", agent),
        Destination("refused", "no-rule-matched"),
    )  # fmt: skip
    for process in ("one", "two"):
        tally = counted(counted(ShadowTally(), None), difference)
        await api.store.keep_shadow_tallies(process, {shadow: tally})
    seen = (await api.ask("GET", SHADOW)).body
    assert (seen["attempts"], seen["changed"], len(seen["differences"])) == (4, 2, 2)
    assert seen["moves"][0]["count"] == 2
    assert seen["moves"][0]["from"]["words"] == "goes to agent `Ada`"
    assert seen["agents"] == [{"agentId": agent, "agentName": "Ada", "gains": 0, "loses": 2}]
    assert seen["differences"][0]["decisionId"] == "d"


async def test_promotion_is_a_patch(api: Api) -> None:
    agent = await open_to(api, "^demo$")
    await api.ask("PUT", SHADOW, {"patch": {"allowedAgents": [{"agentId": agent, "toUserPattern": "x"}]}})
    promoted = await api.ask("POST", f"{SHADOW}/promote")
    assert (promoted.status, promoted.headers["ETag"]) == (200, '"3"')
    assert promoted.body["allowedAgents"] == [{"agentId": agent, "toUserPattern": "x"}]
    assert promoted.body["allowedCidrRanges"] == ["192.0.2.0/24"]
    assert "pattern-unanchored=1" in promoted.headers[LINT]
    assert (await api.ask("GET", SHADOW)).status == 404
    assert (await api.ask("POST", f"{SHADOW}/promote")).status == 404


async def test_rules_that_have_moved_are_not_overwritten_unknowingly(api: Api) -> None:
    await api.ask("PUT", SHADOW, {"patch": {"allowAllAgents": True}})
    await api.ask("PATCH", SIP, {"allowedCidrRanges": ["192.0.2.0/24"]})
    refused = await api.ask("POST", f"{SHADOW}/promote")
    assert refused.status == 412
    assert "beside version 1, in force is 2" in refused.body["detail"]
    assert (await api.ask("GET", SHADOW)).body["configVersion"] == 2
    stale = await api.ask("POST", f"{SHADOW}/promote", headers={"If-Match": '"1"'})
    assert stale.status == 412
    known = await api.ask("POST", f"{SHADOW}/promote", headers={"If-Match": '"2"'})
    assert known.status == 200
    assert (known.body["allowAllAgents"], known.body["allowedCidrRanges"]) == (True, ["192.0.2.0/24"])


async def test_a_draft_whose_agent_is_gone_is_not_promoted(api: Api) -> None:
    agent = await api.agent()
    await api.ask("PUT", SHADOW, {"patch": {"allowedAgents": [{"agentId": agent}]}})
    await api.ask("DELETE", f"/api/agents/{agent}")
    assert (await api.ask("GET", SHADOW)).status == 200
    refused = await api.ask("POST", f"{SHADOW}/promote")
    assert refused.status == 400
    assert agent in refused.body["allowedAgents"][0]["agentId"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "patch"),
        ({"patch": {"nope": 1}}, "patch"),
        ({"patch": {}, "duration": "0s"}, "duration"),
        ({"patch": {}, "duration": "1300000s"}, "duration"),
        ({"patch": {}, "duration": "a day"}, "duration"),
    ],
)
async def test_mistakes_of_a_shadow(api: Api, body: Any, field: str) -> None:
    answer = await api.ask("PUT", SHADOW, body)
    assert answer.status == 400
    assert list(answer.body) == [field]
    assert (await api.ask("GET", SHADOW)).status == 404


# ---------------------------------------------------------------------------------------------------------------- lint


async def test_oddities_are_listed_with_places_and_examples(api: Api) -> None:
    await open_to(api, "demo", "^demo[0-9]$")
    lint = (await api.ask("GET", f"{SIP}/lint")).body
    assert lint["configVersion"] == 2
    assert lint["counts"] == {"pattern-unanchored": 1, "pattern-unreachable": 1}
    assert (lint["findings"][1]["slug"], lint["findings"][1]["severity"]) == ("pattern-unreachable", "warning")
    assert lint["findings"][1]["where"] == "allowedAgents[1].toUserPattern"
    assert lint["findings"][0]["example"].endswith("demo")
    assert lint["further"] == 0


async def test_a_patch_tells_them_in_a_header_and_never_in_its_answer(api: Api) -> None:
    answer = await api.ask("PATCH", SIP, {"allowedCidrRanges": ["0.0.0.0/0"], "allowAllAgents": True})
    assert answer.status == 200
    assert answer.headers[LINT] == 'findings=1, range-everyone=1, see="/api/sip/lint"'
    assert set(answer.body) == {"allowedCidrRanges", "allowAllAgents", "allowedAgents", "fallbackHandler", "domain"}
    clean = await api.ask("PATCH", SIP, {"allowedCidrRanges": ["192.0.2.0/24"]})
    assert clean.headers[LINT] == 'findings=0, see="/api/sip/lint"'
    restored = await api.ask("POST", f"{SIP}/versions/2/restore")
    assert "range-everyone=1" in restored.headers[LINT]
    assert LINT not in (await api.ask("GET", SIP)).headers


async def test_the_header_is_short_whatever_the_rules(api: Api) -> None:
    agents = [await api.agent(f"agent {n}") for n in range(3)]
    hard = [
        {"agentId": agents[n % 3], "toUserPattern": f"^(a|b|c)*{'ab'[n % 2]}.{{{n % 7}}}[xyz]+{n}"} for n in range(20)
    ]
    answer = await api.ask("PATCH", SIP, {"allowedCidrRanges": [f"10.{n}.0.0/16" for n in range(200)] + ["10.0.0.0/8"],
                                          "allowedAgents": hard})  # fmt: skip
    assert answer.status == 200
    assert answer.headers[LINT].isascii()
    assert len(answer.headers[LINT]) < 400
    assert "unfinished" in answer.headers[LINT]
    lint = (await api.ask("GET", f"{SIP}/lint")).body
    assert (len(lint["findings"]), lint["further"] > 0) == (200, True)
