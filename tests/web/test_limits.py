"""How often, how many and how large: what an owner is told when a limit is reached."""

import asyncio
import base64
from typing import Any

import pytest

from callgate.config.settings import DEFAULTS
from callgate.web.limits import LIMITS
from tests.web.conftest import KEY, Answer, Api

CALL = {"medium": {"serverWebSocket": {"inputSampleRate": 8_000}}}
OTHER_KEY = "otherkey." + "o" * 32


async def limit(api: Api, **limits: int) -> None:
    await api.store.change_account(api.account.account_id, limits=limits)


def refused(answer: Answer, words: str) -> None:
    assert (answer.status, answer.body) == (429, {"detail": words})
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Content-Type"] == "application/json"


async def at_once(api: Api, method: str = "GET", **more: Any) -> Answer:
    """Twenty requests together, of which the first is answered; what one that came too soon was told."""
    answers = await asyncio.gather(*(api.ask(method, "/api/sip", **more) for _ in range(20)))
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {200, 429}
    return answers[statuses.index(429)]


async def test_a_key_may_come_so_often(api: Api) -> None:
    await limit(api, key_requests_per_s=3)
    await api.store.add_key(api.account.account_id, OTHER_KEY, "second")
    refused(await at_once(api), "the API key abcdefgh may be used for 3 requests per second")
    assert (await api.ask("GET", "/api/sip", headers={"X-API-Key": OTHER_KEY})).status == 200
    assert (await api.ask("GET", "/api/sip", headers={"X-API-Key": "x" * 41})).status == 401


async def test_so_may_all_keys_of_an_account_and_another_account_is_not_slowed_down(api: Api) -> None:
    other, key = await api.store.create_account("other", "Other")
    await api.store.add_key(api.account.account_id, OTHER_KEY, "second")
    await limit(api, requests_per_s=1)
    refused(await at_once(api, "PATCH", json={}), "the account may make 1 requests per second")
    answers = await asyncio.gather(
        *(api.ask("GET", "/api/sip", headers={"X-API-Key": one}) for one in [OTHER_KEY, key] * 10)
    )
    assert 429 in [answer.status for answer in answers[::2]]
    assert {answer.status for answer in answers[1::2]} == {200}


async def test_a_bot_is_told_in_its_own_words(api: Api) -> None:
    await limit(api, requests_per_s=1)
    credentials = "Basic " + base64.b64encode(f"AC:{KEY}".encode()).decode()
    path = f"/2010-04-01/Accounts/AC/Calls/CA{'0' * 32}.json"
    asked = (api.ask("GET", path, headers={"Authorization": credentials}) for _ in range(20))
    assert {(answer.status, answer.body["code"]) for answer in await asyncio.gather(*asked)} == {
        (404, 20404),
        (429, 20429),
    }


async def test_so_many_calls_are_made_in_a_minute(api: Api) -> None:
    await limit(api, calls_per_minute=2)
    agent = await api.agent()
    assert (await api.ask("POST", "/api/calls", {"medium": {"webRtc": {}}})).status == 400  # none, so not counted
    assert (await api.ask("POST", "/api/calls", CALL)).status == 201
    assert (await api.ask("POST", f"/api/agents/{agent}/calls", CALL)).status == 201
    for path in ("/api/calls", f"/api/agents/{agent}/calls"):
        over = await api.ask("POST", path, CALL)
        refused(over, "the account may make 2 calls in 60 s")
        assert 50 < int(over.headers["Retry-After"]) <= 60


async def test_what_an_account_may_have_is_shown(api: Api) -> None:
    await limit(api, calls_max=7)
    assert (await api.ask("GET", "/api/accounts/me")).body["allowedConcurrentCalls"] == 7
    await limit(api, calls_max=1_000)  # more than the node carries
    assert (await api.ask("GET", "/api/accounts/me")).body["allowedConcurrentCalls"] == 100


async def test_browsers_of_other_sites_may_read_when_to_come_again(api: Api) -> None:
    await limit(api, requests_per_s=1)
    headers = {"X-API-Key": "", "X-Unsafe-API-Key": KEY, "Origin": "https://dashboard.example"}
    answers = await asyncio.gather(*(api.ask("GET", "/api/sip", headers=headers) for _ in range(20)))
    over = next(answer for answer in answers if answer.status == 429)
    assert "Retry-After" in over.headers["Access-Control-Expose-Headers"]


def test_the_table_says_what_is_so() -> None:
    body = LIMITS[0]
    assert (body.most, body.beyond) == (DEFAULTS.http_body_bytes_max, "413")
    assert len({limit.what for limit in LIMITS}) == len(LIMITS)


@pytest.mark.parametrize("depth", [199, 200, 201])
async def test_depth(api: Api, depth: int) -> None:
    body = "[" * depth + "]" * depth
    answer = await api.ask("PATCH", "/api/sip", data=body.encode(), headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert ("nested" in str(answer.body)) == (depth > 200)
