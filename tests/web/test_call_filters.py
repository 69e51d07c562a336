from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from callgate.entities.call import Call, OutboxEvent
from tests.web.conftest import Api
from tests.web.test_calls import NOW

VOICE = "11111111-2222-4333-8444-555555555555"


async def kept(api: Api, agent_id: str, name: str, **more: Any) -> Call:
    """A call that is over, made `after_s` past noon."""
    created = NOW + timedelta(seconds=more.pop("after_s", 0))
    lasted_s = more.pop("lasted_s", 60)
    call = Call(
        call_id=str(uuid4()),
        account_id=api.account.account_id,
        agent_id=agent_id,
        agent_name=name,
        stage_id=str(uuid4()),
        created=created,
        settings=more.pop("settings", {}),
        metadata=more.pop("metadata", {}),
        request_context={},
        joined=created,
        ended=created + timedelta(seconds=lasted_s),
        end_reason="hangup",
        outcome="caller-hangup",
    )
    event = OutboxEvent(str(uuid4()), api.account.account_id, call.call_id, "call.started", created, {})
    await api.store.call_started(call, None, event)
    return call


@pytest.fixture
async def calls(api: Api) -> dict[str, str]:
    """Three calls by name, and the ids of two agents."""
    ada, bob = await api.agent("Ada"), await api.agent("Bob")
    made = {
        "first": await kept(api, ada, "Ada", metadata={"order": "815", "odd key'": "ß"}, settings={"voice": VOICE}),
        "second": await kept(api, bob, "Bob", after_s=3_600, lasted_s=120),
        "third": await kept(api, ada, "Ada", after_s=13 * 3_600, lasted_s=5),
    }
    return {**{name: call.call_id for name, call in made.items()}, "ada": ada, "bob": bob}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["third", "second", "first"]),
        ("agentIds={ada}", ["third", "first"]),
        ("agentIds={ada}&agentIds={bob}", ["third", "second", "first"]),
        ("agentIds=00000000-0000-0000-0000-000000000000", []),
        ("fromDate=2026-07-02", ["third"]),
        ("fromDate=2026-07-01T13:00:00Z&toDate=2026-07-01", ["second"]),
        ("toDate=2026-07-01T13:00:00Z", ["second", "first"]),  # included
        ("toDate=2026-07-01T12:59:59.999999Z", ["first"]),
        ("durationMin=60s", ["second", "first"]),
        ("durationMin=5s&durationMax=60s", ["third", "first"]),
        ("metadata.order=815", ["first"]),
        ("metadata.order=815&metadata.none=x", []),
        ("metadata.odd%20key'=%C3%9F", ["first"]),
        ("search=b", ["second"]),
        ("search={third}", ["third"]),
        ("search=%25", []),
        ("timeOfDayStart=12:30:00", ["second"]),
        ("timeOfDayEnd=12:00:00", ["third", "first"]),
        ("timeOfDayStart=01:00:00&timeOfDayEnd=12:00:00.000000", ["third", "first"]),
        ("timeOfDayStart=13:00:00&timeOfDayEnd=01:00:00", ["third", "second"]),  # past midnight
        (f"voiceId={VOICE.upper()}", ["first"]),
        ("sort=created", ["first", "second", "third"]),
        ("sort=-duration", ["second", "first", "third"]),
        ("sort=ended", ["first", "second", "third"]),
        ("sort=joined&agentIds={ada}", ["first", "third"]),
    ],
)
async def test_calls_are_found_by_every_filter(
    api: Api, calls: dict[str, str], query: str, expected: list[str]
) -> None:
    answer = await api.ask("GET", f"/api/calls?{query.format(**calls)}")
    assert answer.status == 200, answer.body
    assert [call["callId"] for call in answer.body["results"]] == [calls[name] for name in expected]
    assert answer.body["total"] == len(expected)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("agentIds=x", ["agentIds"]),
        ("fromDate=yesterday", ["fromDate"]),
        ("toDate=9999-12-31", ["toDate"]),
        ("durationMin=60", ["durationMin"]),
        ("durationMax=long", ["durationMax"]),
        ("search=", ["search"]),
        ("sort=price", ["sort"]),
        ("sort=--created", ["sort"]),
        ("timeOfDayStart=25:00:00", ["timeOfDayStart"]),
        ("timeOfDayEnd=noon", ["timeOfDayEnd"]),
        ("timeOfDayEnd=12:00:00Z", ["timeOfDayEnd"]),
        ("voiceId=Mark", ["voiceId"]),
        ("metadata=x", ["metadata"]),
        ("metadata.=x", ["metadata."]),
        ('metadata.a"b=x', ['metadata.a"b']),
        ("metadata.a%5Cb=x", ["metadata.a\\b"]),
        ("metadata.a=%00", ["metadata.a"]),
        ("search=a%00", ["search"]),
        ("pageSize=0", ["pageSize"]),
        ("cursor=bm9uZQ", ["cursor"]),
        ("fromDate=x&durationMin=y&agentIds=z", ["agentIds", "fromDate", "durationMin"]),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused_by_its_name(api: Api, query: str, names: list[str]) -> None:
    for path in ("/api/calls", "/api/deleted_calls"):
        if path == "/api/deleted_calls" and query.startswith("sort"):
            continue
        answer = await api.ask("GET", f"{path}?{query}")
        assert (answer.status, list(answer.body)) == (400, names), path


async def test_nothing_of_one_account_is_found_by_another(api: Api, calls: dict[str, str]) -> None:
    await api.store.create_account("other", "Other", "zyxwvuts." + "o" * 32)
    theirs = {"X-API-Key": "zyxwvuts." + "o" * 32}
    for query in ("", f"?agentIds={calls['ada']}", f"?search={calls['first']}"):
        assert (await api.ask("GET", f"/api/calls{query}", headers=theirs)).body["results"] == []
    await api.ask("DELETE", f"/api/calls/{calls['first']}")
    assert (await api.ask("GET", "/api/deleted_calls", headers=theirs)).body["results"] == []
    assert (await api.ask("GET", f"/api/deleted_calls/{calls['first']}", headers=theirs)).status == 404
