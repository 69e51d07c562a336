"""Cursors of every list: there and back, of no other list, and of nothing that is made up."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgate.entities.call import CallEvent, CallStage, Message, ToolUse
from callgate.entities.page import Mark
from callgate.schema.page import list_name, write_cursor
from tests.web.conftest import Api
from tests.web.test_call_filters import kept
from tests.web.test_calls import started

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ROWS = 4


@pytest.fixture
async def filled(api: Api) -> dict[str, str]:
    """Four of everything, and the ids that paths need."""
    agent = await api.agent()
    webhook = ""
    for n in range(ROWS):
        await api.agent(f"agent {n}")
        await api.ask("POST", "/api/api_keys", {"name": f"key {n}"})
        tool = {"name": f"tool{n}", "definition": {"description": "x", "client": {}}}
        assert (await api.ask("POST", "/api/tools", tool)).status == 201
        hook = {"url": f"https://a.example/{n}", "events": ["call.started"]}
        webhook = (await api.ask("POST", "/api/webhooks", hook)).body["webhookId"]
        await api.ask("PATCH", "/api/sip", {"allowedCidrRanges": [f"203.0.113.{n}/32"]})
    tools = (await api.ask("GET", "/api/tools?ownership=private")).body["results"]
    call = await started(api, agent)
    for n in range(ROWS):
        await started(api, agent)  # with a decision each, and a delivery for the webhook
        used = ToolUse("look", "i", tools[0]["toolId"])
        other = await started(api, agent)
        about: dict[str, Any] = {"stage_id": call.stage_id, "stage_index": n}
        api.store.message(Message(call.call_id, n, "MESSAGE_ROLE_USER", f"{n}", "MESSAGE_MEDIUM_VOICE", NOW, **about))
        about = {"stage_id": other.stage_id, "stage_index": 0, "tool": used}
        api.store.message(
            Message(other.call_id, 0, "MESSAGE_ROLE_TOOL_CALL", "x", "MESSAGE_MEDIUM_VOICE", NOW, **about)
        )
        api.store.call_event(CallEvent(call.call_id, call.stage_id, NOW, 0.0, "info", f"t{n}", "words"))
        stage_id = call.stage_id if n == 0 else str(uuid4())
        api.store.call_stage(CallStage(stage_id, other.call_id, n, NOW, {}))
        deleted = await kept(api, agent, "Ada")
        await api.store.written()
        await api.ask("DELETE", f"/api/calls/{deleted.call_id}")
    staged = await started(api, agent)
    for n in range(ROWS):
        api.store.call_stage(CallStage(str(uuid4()), staged.call_id, n, NOW, {}))
    await api.store.written()
    return {
        "agent": agent,
        "call": call.call_id,
        "stage": call.stage_id,
        "staged": staged.call_id,
        "tool": tools[0]["toolId"],
        "webhook": webhook,
    }


LISTS = [
    "/api/agents",
    "/api/agents?sort=name",
    "/api/agents?search=agent&sort=-name",
    "/api/agents/{agent}/calls",
    "/api/api_keys",
    "/api/calls",
    "/api/calls?sort=duration",
    "/api/calls?sort=-joined&agentIds={agent}",
    "/api/calls/{call}/messages",
    "/api/calls/{call}/messages?mode=in_call",
    "/api/calls/{call}/events?minimum_severity=debug",
    "/api/calls/{staged}/stages",
    "/api/calls/{call}/stages/{stage}/messages",
    "/api/deleted_calls",
    "/api/models",
    "/api/sip/decisions",
    "/api/sip/decisions?verdict=admit",
    "/api/sip/versions",
    "/api/tools",
    "/api/tools?sortOrder=display",
    "/api/tools?sortOrder=reverseAlphabetic&ownership=private",
    "/api/tools/{tool}/history",
    "/api/webhooks",
    "/api/webhooks/{webhook}/deliveries",
]


async def test_every_list_is_walked_there_and_back(api: Api, filled: dict[str, str]) -> None:
    for template in LISTS:
        path = template.format(**filled)
        sized = path + ("&" if "?" in path else "?")
        whole = (await api.ask("GET", f"{sized}pageSize=100")).body
        assert len(whole["results"]) == whole["total"] > 2, path
        pages: list[Any] = []
        url: str | None = f"{api.url}{sized}pageSize=2"
        while url is not None:
            assert url.startswith(api.url)
            pages.append((await api.ask("GET", url.removeprefix(api.url))).body)
            assert pages[-1]["total"] == whole["total"]
            url = pages[-1]["next"]
        assert [one for page in pages for one in page["results"]] == whole["results"], path
        assert pages[0]["previous"] is None
        back, url = [pages[-1]], pages[-1]["previous"]
        while url is not None:
            back.append((await api.ask("GET", url.removeprefix(api.url))).body)
            url = back[-1]["previous"]
        assert [page["results"] for page in back[::-1]] == [page["results"] for page in pages], path


async def test_a_cursor_is_of_one_list_alone(api: Api, filled: dict[str, str]) -> None:
    page = (await api.ask("GET", "/api/calls?pageSize=2&sort=created")).body
    cursor = page["next"].partition("cursor=")[2].partition("&")[0]
    assert (await api.ask("GET", f"/api/calls?sort=created&pageSize=3&cursor={cursor}")).status == 200
    for other in (
        f"/api/calls?cursor={cursor}",
        f"/api/calls?sort=-created&cursor={cursor}",
        f"/api/calls?sort=created&search=x&cursor={cursor}",
        f"/api/agents?sort=created&cursor={cursor}",
        f"/api/calls?sort=created&cursor={cursor}x",
        f"/api/calls?sort=created&cursor={cursor[:-2]}",
        "/api/calls?cursor=",
    ):
        refused = await api.ask("GET", other)
        assert (refused.status, list(refused.body)) == (400, ["cursor"]), other


async def test_a_call_that_begins_between_two_pages_moves_nothing(api: Api) -> None:
    agent = await api.agent()
    for n in range(3):
        await kept(api, agent, "Ada", after_s=n)
    first = (await api.ask("GET", "/api/calls?pageSize=2")).body
    await kept(api, agent, "Ada", after_s=9)
    second = (await api.ask("GET", first["next"].removeprefix(api.url))).body
    assert [one["created"][17:19] for one in first["results"] + second["results"]] == ["02", "01", "00"]


VALUE: Any = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUE |= st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.sampled_from(["2026-07-01T00:00:00Z"])


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from([path for path in LISTS if "?" not in path]),
    key=st.lists(VALUE, max_size=4),
    backwards=st.booleans(),
)
async def test_a_cursor_that_is_made_up_leads_to_a_page_or_is_refused(
    api: Api, path: str, key: list[Any], backwards: bool
) -> None:
    path = path.format(agent="a", call="c", stage="s", staged="s", tool="t", webhook="w")
    cursor = write_cursor(Mark(tuple(key), backwards), list_name(path, []))
    answer = await api.ask("GET", f"{path}?cursor={cursor}")
    assert answer.status in (200, 400, 404), (path, key, answer.body)
    if answer.status == 400:
        assert list(answer.body) == ["cursor"]


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "", "x" * 300, "a:b:c", "ä"])
async def test_whatever_a_client_calls_the_server_no_answer_is_a_failure(api: Api, host: str) -> None:
    await api.agent("one")
    await api.agent("two")
    answer = await api.ask("GET", "/api/agents?pageSize=1", headers={"Host": host})
    assert answer.status < 500, host
