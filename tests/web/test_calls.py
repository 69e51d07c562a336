from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from callgate.entities.call import Call, CallEvent, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord, Step, TraceEntry, Verdict
from callgate.schema.call import render_call
from tests.web.conftest import Api

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def started(api: Api, agent_id: str) -> Call:
    call = Call(str(uuid4()), api.account.account_id, agent_id, "Ada", str(uuid4()), NOW, {}, {"k": "v"}, {})
    record = DecisionRecord(
        str(uuid4()), api.account.account_id, NOW, "203.0.113.7", 5060, "udp", "sip:a@x", "sip:a@x", None, "c",
        Verdict.ADMIT, None, None, agent_id, call.call_id, 1, "to",
        (TraceEntry(Step.SOURCE, "passed", (("address", "203.0.113.7"), ("range", "203.0.113.0/24"))),),
    )  # fmt: skip
    event = OutboxEvent(str(uuid4()), api.account.account_id, call.call_id, "call.started", NOW, render_call(call))
    await api.store.call_started(call, record, event)
    return call


async def test_a_call_is_found_with_what_was_said_and_what_happened(api: Api) -> None:
    agent = await api.agent()
    call = await started(api, agent)
    about: dict[str, Any] = {"stage_id": call.stage_id, "stage_index": 0}
    hello = Message(call.call_id, 0, "MESSAGE_ROLE_AGENT", "Hello", "MESSAGE_MEDIUM_VOICE", NOW, 0.5, 1.25, **about)
    api.store.message(hello)
    api.store.call_event(CallEvent(call.call_id, call.stage_id, NOW, 0.0, "info", "ringing", "It rings."))
    await api.store.call_joined(
        call, OutboxEvent(str(uuid4()), api.account.account_id, call.call_id, "call.joined", NOW, {})
    )
    shown = (await api.ask("GET", f"/api/calls/{call.call_id}")).body
    assert shown == render_call(call)
    for path in (
        "/api/calls", f"/api/agents/{agent}/calls", f"/api/calls?agentIds={agent}&metadata.k=v",
        "/api/calls?fromDate=2026-07-01&toDate=2026-07-01",
    ):  # fmt: skip
        assert (await api.ask("GET", path)).body["results"] == [shown], path
    for path in ("/api/calls?metadata.k=w", "/api/calls?fromDate=2026-07-02"):
        assert (await api.ask("GET", path)).body["total"] == 0, path
    (message,) = (await api.ask("GET", f"/api/calls/{call.call_id}/messages")).body["results"]
    assert message["timespan"] == {"start": "0.5s", "end": "1.25s"}
    (event,) = (await api.ask("GET", f"/api/calls/{call.call_id}/events")).body["results"]
    assert (event["type"], event["callTimestamp"]) == ("ringing", "0s")
    assert (await api.ask("GET", f"/api/calls/{call.call_id}/events?minimum_severity=error")).body["total"] == 0
    (record,) = (await api.ask("GET", f"/api/sip/decisions?callId={call.call_id}")).body["results"]
    assert record["trace"][0]["words"]
    assert (await api.ask("GET", f"/api/sip/decisions/{record['decisionId']}")).body == record


async def test_a_live_call_is_hung_up_not_deleted(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}"
    assert (await api.ask("POST", path + "/send_data_message", {"type": "hang_up"})).status == 422
    api.live.joined.add(call.call_id)
    assert (await api.ask("DELETE", path)).status == 409
    for body in ({"type": "hang_up", "massage": "x"}, {"type": "x"}, {}, {"type": "user_text_message"}):
        assert (await api.ask("POST", path + "/send_data_message", body)).status == 400
    assert (await api.ask("POST", path + "/send_data_message", {"type": "hang_up", "message": "Bye"})).status == 204
    assert api.live.said == [(call.call_id, "Bye")]
    api.live.joined.clear()
    assert (await api.ask("DELETE", path)).status == 204
    assert (await api.ask("GET", path)).status == 404


async def test_texts_and_words_are_given_to_the_agent(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}/send_data_message"
    text = {"type": "user_text_message", "text": "My number is 7.", "urgency": "immediate"}
    assert (await api.ask("POST", path, text)).status == 422
    api.live.joined.add(call.call_id)
    assert (await api.ask("POST", path, text)).status == 204
    words = {"type": "forced_agent_message", "content": "One moment.", "uninterruptible": True, "threadId": "UI"}
    assert (await api.ask("POST", path, words)).status == 204
    assert api.live.told == [(call.call_id, text), (call.call_id, words)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "non_field_errors"),
        ({"type": 7}, "type"),
        ({"type": "user_text_message", "text": ""}, "text"),
        ({"type": "user_text_message", "text": "x", "urgency": "now"}, "urgency"),
        ({"type": "user_text_message", "text": "x", "threadId": "other"}, "threadId"),
        ({"type": "forced_agent_message"}, "content"),
        ({"type": "forced_agent_message", "content": "x", "toolCalls": [{"name": "a"}]}, "toolCalls"),
    ],
)
async def test_a_message_that_cannot_be_given_is_refused_by_its_field(api: Api, body: Any, field: str) -> None:
    call = await started(api, await api.agent())
    api.live.joined.add(call.call_id)
    answer = await api.ask("POST", f"/api/calls/{call.call_id}/send_data_message", body)
    assert answer.status == 400
    assert field in answer.body
    assert api.live.told == []


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"temperature": 2}, "temperature", "less than or equal to 1"),
        ({}, "medium", "`webRtc`, the default, is not offered"),
        ({"medium": {"sip": {"outgoing": {"to": "sip:a@10.0.0.1"}}}}, "medium", "a private address may not be reached"),
        ({"medium": {"sip": {"outgoing": {"to": "sip:a@[::1]"}}}}, "medium", "a loopback address may not be reached"),
        ({"medium": {"sip": {"outgoing": {"to": "sips:a@b;maddr=169.254.169.254"}}}}, "medium", "credentials"),
        ({"medium": {"sip": {"incoming": {}}}}, "medium", "INVITE"),
        ({"medium": {"plivo": {}}}, "medium", "`plivo` is not offered"),
    ],
)
async def test_a_call_that_cannot_be_started_says_why(api: Api, body: Any, field: str, words: str) -> None:
    answer = await api.ask("POST", "/api/calls", body)
    assert answer.status == 400
    assert words in answer.body[field][0]


@pytest.mark.parametrize(
    ("outgoing", "field", "words"),
    [
        ({"to": "+15550100"}, "to", "no phone number"),
        ({"to": "100@pbx.example"}, "to", "expected a SIP URI"),
        ({"to": "tel:+15550100"}, "to", "expected a SIP URI"),
        ({"to": "sip:"}, "to", "expected a SIP URI"),
        ({"to": "sip:a@b\r\nX: y"}, "to", "expected a SIP URI"),
        ({"to": "sip:a@b>;x=<"}, "to", "expected a SIP URI"),
        ({"to": "sip:ä@b"}, "to", "expected a SIP URI"),
        ({"to": "sip:a@b?Route=x"}, "to", "without headers"),
        ({"to": "sip:a:secret@b"}, "to", "a password has no place in the URI"),
        ({"to": f"sip:{'a' * 300}@b"}, "to", "longer than 255"),
        ({"to": "sip:a@b", "from": "Ada"}, "from", "expected a SIP URI"),
        ({"from": "sip:a@b"}, "non_field_errors", "`to`: required"),
        ({"to": "sip:a@b", "password": "p"}, "non_field_errors", "together with `username`"),
        ({"to": "sip:a@b", "username": "u\n", "password": "p"}, "username", "control character"),
        ({"to": "sip:a@b", "username": "u", "password": "p" * 257}, "password", "longer than 256"),
    ],
)
async def test_whom_nobody_can_call(api: Api, outgoing: Any, field: str, words: str) -> None:
    answer = await api.ask("POST", "/api/calls", {"medium": {"sip": {"outgoing": outgoing}}})
    assert answer.status == 400
    assert words in answer.body["medium"]["sip"]["outgoing"][field][0]


async def test_a_call_over_sip_is_there_without_its_password(api: Api) -> None:
    outgoing = {"to": "sip:100@pbx.example", "from": "sip:ada@a.example", "username": "ada"}
    secret = "hush-hush-hush"
    answer = await api.ask("POST", "/api/calls", {"medium": {"sip": {"outgoing": {**outgoing, "password": secret}}}})
    assert answer.status == 201
    call = answer.body
    assert (call["joinUrl"], call["medium"]) == (None, {"sip": {"outgoing": outgoing}})
    assert call["sipDetails"] == {"billedDuration": None, "terminationReason": None}
    assert (await api.ask("GET", f"/api/calls/{call['callId']}")).body == call
    await api.store.written()
    stages = await api.ask("GET", f"/api/calls/{call['callId']}/stages")
    assert secret not in str(stages.body)
    hang_up = await api.ask("POST", f"/api/calls/{call['callId']}/send_data_message", {"type": "hang_up"})
    assert hang_up.status == 422


async def test_a_template_keeps_no_password(api: Api) -> None:
    outgoing = {"to": "sip:100@pbx.example", "username": "ada", "password": "hush"}
    body = {"name": "Ada", "callTemplate": {"medium": {"sip": {"outgoing": outgoing}}}}
    answer = await api.ask("POST", "/api/agents", body)
    assert answer.status == 400
    assert "not kept in a template" in str(answer.body)
    assert "hush" not in str(answer.body)
    agent = await api.agent(template={"medium": {"sip": {"outgoing": {"to": "sip:100@pbx.example"}}}})
    assert (await api.ask("POST", f"/api/agents/{agent}/calls", {})).status == 201


@pytest.mark.parametrize(
    ("sound", "field", "words"),
    [
        ({}, "inputSampleRate", "required"),
        ({"inputSampleRate": 11_025}, "inputSampleRate", "expected one of 8000, 16000, 24000, 48000"),
        ({"inputSampleRate": 8_000, "outputSampleRate": 1}, "outputSampleRate", "expected one of"),
        ({"inputSampleRate": 8_000, "clientBufferSizeMs": -1}, "clientBufferSizeMs", "greater than or equal to 0"),
    ],
)
async def test_sound_that_no_client_can_be_served_with(api: Api, sound: Any, field: str, words: str) -> None:
    answer = await api.ask("POST", "/api/calls", {"medium": {"serverWebSocket": sound}})
    assert answer.status == 400
    assert words in str(answer.body["medium"]["serverWebSocket"][field])


CLIENT = {"serverWebSocket": {"inputSampleRate": 8_000}}


async def test_a_call_for_a_client_is_there_before_it_is_joined(api: Api) -> None:
    answer = await api.ask("POST", "/api/calls", {"medium": CLIENT, "systemPrompt": "Be brief."})
    assert answer.status == 201
    call = answer.body
    assert call["joinUrl"].endswith(f"/calls/{call['callId']}/server_web_socket")
    assert (await api.ask("GET", f"/api/calls/{call['callId']}")).body == call


async def test_an_agents_medium_serves_where_none_is_asked_for(api: Api) -> None:
    agent = await api.agent(template={"medium": CLIENT, "systemPrompt": "Hello {{name}}"})
    answer = await api.ask("POST", f"/api/agents/{agent}/calls", {"templateContext": {"name": "Ada"}})
    assert (answer.status, answer.body["medium"], answer.body["systemPrompt"]) == (201, CLIENT, "Hello Ada")
    other = await api.ask("POST", f"/api/agents/{agent}/calls", {"medium": {"webRtc": {}}})
    assert "`webRtc` is not offered" in other.body["medium"][0]
    plain = await api.agent("plain")
    assert "the default" in (await api.ask("POST", f"/api/agents/{plain}/calls", {})).body["medium"][0]


@pytest.mark.parametrize(
    ("template", "asked", "shown"),
    [
        ({}, {}, None),
        ({"retentionPolicy": "CALL_RETENTION_POLICY_AUTO_DELETE"}, {}, "auto_delete"),
        (
            {"retentionPolicy": "CALL_RETENTION_POLICY_AUTO_DELETE"},
            {"retentionPolicy": "CALL_RETENTION_POLICY_RETAIN"},
            "retain",
        ),
        ({}, {"retentionPolicy": "CALL_RETENTION_POLICY_AUTO_DELETE"}, "auto_delete"),
    ],
)
async def test_how_long_a_call_is_kept_is_said_by_its_agent_or_by_itself(
    api: Api, template: Any, asked: Any, shown: str | None
) -> None:
    agent = await api.agent(template={"medium": CLIENT, **template})
    answer = await api.ask("POST", f"/api/agents/{agent}/calls", asked)
    assert (answer.status, answer.body["retentionPolicy"]) == (201, shown)
    wrong = await api.ask("POST", f"/api/agents/{agent}/calls", {"retentionPolicy": "auto_delete"})
    assert (wrong.status, list(wrong.body)) == (400, ["retentionPolicy"])


async def test_limits_of_an_account_and_throttles(api: Api) -> None:
    body = {"medium": CLIENT}
    throttled = await api.ask("POST", "/api/calls?throttle=slow", body)
    assert (throttled.status, list(throttled.body)) == (400, ["throttle"])
    for _ in range(20):
        assert (await api.ask("POST", "/api/calls", body)).status == 201
    full = await api.ask("POST", "/api/calls", body)
    assert (full.status, full.headers["Retry-After"]) == (429, "10")
    assert "20 calls" in full.body["detail"]


async def test_a_prior_call_that_is_not_there(api: Api) -> None:
    answer = await api.ask("POST", "/api/calls?priorCallId=nobody", {"medium": CLIENT})
    assert (answer.status, "no such call" in answer.body["priorCallId"][0]) == (400, True)


async def test_an_imagined_call_with_and_without_a_draft(api: Api) -> None:
    agent = await api.agent()
    await api.ask("PATCH", "/api/sip", {"allowedCidrRanges": ["203.0.113.0/24"]})
    attempt = {"sourceAddress": "203.0.113.7", "toUri": f"agent_{agent}"}
    asked = {"attempt": attempt}
    now = await api.ask("POST", "/api/sip/evaluate", asked)
    assert (now.body["verdict"], now.body["status"]) == ("refuse", 603)
    assert all(entry["words"] for entry in now.body["trace"])
    drafted = await api.ask("POST", "/api/sip/evaluate", {**asked, "patch": {"allowAllAgents": True}})
    assert (drafted.body["verdict"], drafted.body["agentId"]) == ("admit", agent)
    assert (await api.ask("GET", "/api/sip")).body["allowAllAgents"] is False
    bad = await api.ask("POST", "/api/sip/evaluate", {**asked, "patch": {"alowAllAgents": True}})
    assert "did you mean" in bad.body["patch"]["alowAllAgents"][0]
    worse = await api.ask("POST", "/api/sip/evaluate", {"attempt": {"sourceAddress": "x"}})
    assert set(worse.body["attempt"]) == {"sourceAddress", "toUri"}
