from typing import Any

import pytest

from tests.web.conftest import Api

AGENTS = "/api/agents"


async def test_an_agent_is_made_read_changed_and_deleted(api: Api) -> None:
    template = {"systemPrompt": "You are kind.", "temperature": 0.5, "sharedSecrets": ["s" * 16], "voice": None}
    made = await api.ask("POST", AGENTS, {"name": "Ada", "callTemplate": template})
    assert made.status == 201
    assert made.body["callTemplate"] == {"systemPrompt": "You are kind.", "temperature": 0.5}
    assert made.body["statistics"] == {"calls": 0}
    path = f"{AGENTS}/{made.body['agentId']}"
    assert (await api.ask("GET", path)).body == made.body
    changed = await api.ask("PATCH", path, {"callTemplate": {"temperature": None, "joinTimeout": "20s"}})
    assert changed.body["callTemplate"] == {"systemPrompt": "You are kind.", "joinTimeout": "20s"}
    assert changed.body["publishedRevisionId"] != made.body["publishedRevisionId"]
    assert (await api.ask("PATCH", path, changed.body)).body == changed.body
    assert (await api.ask("DELETE", path)).status == 204
    assert (await api.ask("GET", path)).status == 404
    assert (await api.ask("PATCH", path, {})).status == 404
    assert (await api.ask("DELETE", path)).status == 404


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"name": "x" * 65}, {"name": ["longer than 64 characters: 65"]}),
        ({"name": ""}, {"name": ["shorter than 1 characters: ``"]}),
        ({"callTemplate": {"systemPrompt": "{{> other}}"}},
         {"callTemplate": {"systemPrompt": ["partials are not offered: `{{> other}}`"]}}),
        ({"callTemplate": {"contextSchema": {"properties": {"a": {"pattern": "(?=x)"}}}}},
         {"callTemplate": {"contextSchema": ["contextSchema: not a valid RE2 expression: `(?=x)`"]}}),
        ({"callTemplate": {"system_prompt": "x"}},
         {"callTemplate": {"system_prompt": ["unknown key `system_prompt`; did you mean `systemPrompt`?"]}}),
        ({"callTemplate": {"maxDuration": "999999s"}},
         {"callTemplate": {"maxDuration": ["expected a duration from 1s to 86400s: `999999s`"]}}),
        ({"callTemplate": {"selectedTools": [{"toolName": "hangUp"}, {}]}},
         {"callTemplate": {"selectedTools": [{}, {"non_field_errors": [
             "expected exactly one of `toolId`, `toolName`, `temporaryTool`: none"]}]}}),
    ],
)  # fmt: skip
async def test_mistakes_in_an_agent(api: Api, body: Any, errors: Any) -> None:
    answer = await api.ask("POST", AGENTS, body)
    assert (answer.status, answer.body) == (400, errors)


async def test_a_merged_template_must_hold_together(api: Api) -> None:
    agent = await api.agent(template={"externalVoice": {"google": {"voiceId": "x"}}})
    refused = await api.ask("PATCH", f"{AGENTS}/{agent}", {"callTemplate": {"voice": "Ada"}})
    assert refused.status == 400
    assert "at most one of `voice`, `externalVoice`" in refused.body["callTemplate"]["non_field_errors"][0]
    both = {"callTemplate": {"voice": "Ada", "externalVoice": None}}
    assert (await api.ask("PATCH", f"{AGENTS}/{agent}", both)).body["callTemplate"] == {"voice": "Ada"}


async def test_pages(api: Api) -> None:
    names = [f"agent {number}" for number in range(5)]
    for name in names:
        await api.agent(name)
    seen: list[str] = []
    path: str | None = f"{AGENTS}?pageSize=2&sort=name"
    while path is not None:
        page = (await api.ask("GET", path)).body
        assert page["total"] == 5
        seen += [agent["name"] for agent in page["results"]]
        path = page["next"] and page["next"].removeprefix(api.url)
    assert seen == names
    assert page["previous"] is not None
    for bad in ("pageSize=0", "pageSize=101", "pageSize=x", "cursor=x", "sort=x"):
        answer = await api.ask("GET", f"{AGENTS}?{bad}")
        assert (answer.status, list(answer.body)) == (400, [bad.partition("=")[0]])
