from typing import Any

import pytest

from tests.web.conftest import Api

SIP = "/api/sip"
AGENT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


async def test_a_new_account_admits_nobody(api: Api) -> None:
    answer = await api.ask("GET", SIP)
    assert answer.status == 200
    assert answer.body == {
        "allowedCidrRanges": [],
        "allowAllAgents": False,
        "allowedAgents": [],
        "fallbackHandler": None,
        "domain": "acme.sip.test",
    }
    assert answer.headers["ETag"].startswith('"')


async def test_a_patch_changes_only_what_it_names_and_is_in_force_at_once(api: Api) -> None:
    await api.ask("PATCH", SIP, {"allowAllAgents": True})
    answer = await api.ask("PATCH", SIP, {"allowedCidrRanges": ["203.0.113.0/24", "10.0.0.1/32", "203.0.113.0/24"]})
    assert answer.status == 200
    assert answer.body["allowAllAgents"] is True
    assert answer.body["allowedCidrRanges"] == ["203.0.113.0/24", "10.0.0.1/32"]
    assert api.store.snapshot.sip_config(api.account.account_id).config.allowed_cidr_ranges[0] == "203.0.113.0/24"


async def test_the_default_pattern_is_stored_expanded(api: Api) -> None:
    agent = await api.agent()
    body = {"allowedAgents": [{"agentId": agent}, {"agentId": agent.upper(), "toUserPattern": "^\\+1"}]}
    answer = await api.ask("PATCH", SIP, body)
    assert answer.body["allowedAgents"] == [
        {"agentId": agent, "toUserPattern": f"^agent_{agent}$"},
        {"agentId": agent, "toUserPattern": "^\\+1"},
    ]


async def test_secrets_are_made_once_and_then_kept(api: Api) -> None:
    first = (await api.ask("PATCH", SIP, {"fallbackHandler": {"url": "https://a.example/"}})).body["fallbackHandler"]
    assert len(first["secrets"]) == 1
    assert len(first["secrets"][0]) >= 43
    second = (await api.ask("PATCH", SIP, {"fallbackHandler": {"url": "https://b.example/"}})).body["fallbackHandler"]
    assert second == {"url": "https://b.example/", "secrets": first["secrets"]}
    assert (await api.ask("PATCH", SIP, {"fallbackHandler": None})).body["fallbackHandler"] is None


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"allowedCidrRanges": ["1.2.3.4/32", "10.0.0.1/8"]}, ("allowedCidrRanges", "1"), "10.0.0.0/8"),
        ({"allowedCidrRanges": ["1.2.3.4"]}, ("allowedCidrRanges", "0"), "/32"),
        ({"allowedCidrRanges": [5]}, ("allowedCidrRanges", "0"), "expected text: `5`"),
        ({"allowedCidrRanges": None}, ("allowedCidrRanges",), "expected a list: null"),
        ({"allowedCidrRanges": ["1.2.3.4/32"] * 1001}, ("allowedCidrRanges",), "more than 1000 entries: 1001"),
        ({"allowedAgents": [{"agentId": AGENT}] * 21}, ("allowedAgents",), "more than 20 entries: 21"),
        ({"allowedAgents": [{"agentId": AGENT}]}, ("allowedAgents", 0, "agentId"), "no agent of this account"),
        ({"allowedAgents": [{}]}, ("allowedAgents", 0, "agentId"), "required"),
        ({"allowedAgents": ["x"]}, ("allowedAgents", 0, "non_field_errors"), "expected an object"),
        ({"allowAllAgents": "true"}, ("allowAllAgents",), "expected true or false: `true`"),
        ({"alowAllAgents": True}, ("alowAllAgents",), "did you mean `allowAllAgents`?"),
        ({"fallbackHandler": {"url": "ftp://x"}}, ("fallbackHandler", "url"), "https or http"),
        ({"fallbackHandler": {"url": "http://a.example"}}, ("fallbackHandler", "url"), "expected https"),
        ({"fallbackHandler": {"url": "https://u:p@a.example"}}, ("fallbackHandler", "url"), "password"),
        ({"fallbackHandler": {"url": "https://a.example", "secrets": []}}, ("fallbackHandler", "secrets"), "fewer"),
        ({"fallbackHandler": {"url": "https://a.example", "secrets": ["x" * 121]}},
         ("fallbackHandler", "secrets", "0"), "longer than 120 characters: 121"),
        ({"fallbackHandler": 5}, ("fallbackHandler",), "expected an object: `5`"),
        ([], ("non_field_errors",), "expected an object"),
    ],
)  # fmt: skip
async def test_a_mistake_is_told_where_it_is_and_nothing_is_stored(
    api: Api, body: Any, field: tuple[Any, ...], words: str
) -> None:
    before = await api.ask("GET", SIP)
    answer = await api.ask("PATCH", SIP, body)
    assert answer.status == 400
    found = answer.body
    for part in field:
        found = found[part]
    assert isinstance(found, list)
    assert words in found[0]
    after = await api.ask("GET", SIP)
    assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])


async def test_a_pattern_that_re2_refuses_is_told_with_the_reason(api: Api) -> None:
    agent = await api.agent()
    body = {"allowedAgents": [{"agentId": agent}, {"agentId": agent, "toUserPattern": "(?=x)"}]}
    answer = await api.ask("PATCH", SIP, body)
    assert answer.status == 400
    first, second = answer.body["allowedAgents"]
    assert first == {}
    assert "Look-ahead and look-behind are not offered" in second["toUserPattern"][0]


async def test_every_mistake_is_told_at_once(api: Api) -> None:
    body = {"allowedCidrRanges": ["x"], "allowAllAgents": 1, "fallbackHandler": {"urll": "https://a"}, "nope": 1}
    answer = await api.ask("PATCH", SIP, body)
    assert answer.status == 400
    assert set(answer.body) == {"allowedCidrRanges", "allowAllAgents", "fallbackHandler", "nope"}
    assert set(answer.body["fallbackHandler"]) == {"url", "urll"}


async def test_what_get_says_may_be_patched_back_and_changes_nothing(api: Api) -> None:
    agent = await api.agent()
    await api.ask("PATCH", SIP, {
        "allowedCidrRanges": ["192.0.2.0/24"],
        "allowedAgents": [{"agentId": agent, "toUserPattern": "x"}],
        "fallbackHandler": {"url": "https://a.example/", "secrets": ["s"]},
    })  # fmt: skip
    before = await api.ask("GET", SIP)
    for body in (before.body, {}, {"domain": "elsewhere.example"}):
        after = await api.ask("PATCH", SIP, body)
        assert (after.status, after.body, after.headers["ETag"]) == (200, before.body, before.headers["ETag"])


async def test_if_match(api: Api) -> None:
    tag = (await api.ask("GET", SIP)).headers["ETag"]
    changed = await api.ask("PATCH", SIP, {"allowAllAgents": True}, headers={"If-Match": f'"old", {tag}'})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag
    late = await api.ask("PATCH", SIP, {"allowAllAgents": False}, headers={"If-Match": tag})
    assert late.status == 412
    assert "detail" in late.body
    assert (await api.ask("PATCH", SIP, {}, headers={"If-Match": "*"})).status == 200
    weak = await api.ask("PATCH", SIP, {}, headers={"If-Match": "W/" + changed.headers["ETag"]})
    assert weak.status == 412


async def test_versions_and_restore(api: Api) -> None:
    agent = await api.agent()
    await api.ask("PATCH", SIP, {"allowedAgents": [{"agentId": agent}]})
    await api.ask("PATCH", SIP, {"allowAllAgents": True, "allowedAgents": []})
    history = (await api.ask("GET", SIP + "/versions")).body
    assert history["total"] == 3
    assert history["results"][0]["difference"]["allowAllAgents"] == {"from": False, "to": True}
    assert history["results"][0]["changedBy"] == "abcdefgh"
    restored = await api.ask("POST", SIP + "/versions/2/restore")
    assert restored.status == 200
    assert restored.body["allowedAgents"][0]["agentId"] == agent
    assert restored.body["allowAllAgents"] is False
    await api.ask("DELETE", f"/api/agents/{agent}")
    assert (await api.ask("GET", SIP)).body["allowedAgents"] == []
    gone = await api.ask("POST", SIP + "/versions/2/restore")
    assert gone.status == 400
    assert agent in gone.body["allowedAgents"][0]["agentId"][0]
    assert (await api.ask("GET", SIP + "/versions/99")).status == 404


async def test_a_versions_page_shows_no_secret(api: Api) -> None:
    await api.ask("PATCH", SIP, {"fallbackHandler": {"url": "https://a.example/", "secrets": ["hush-hush"]}})
    version = (await api.ask("GET", SIP + "/versions/2")).body
    assert version["config"]["fallbackHandler"] == {"url": "https://a.example/"}
    assert "hush-hush" not in str(version)
    assert (await api.ask("POST", SIP + "/versions/2/restore")).body["fallbackHandler"]["secrets"] == ["hush-hush"]
