import base64
from typing import Any

import pytest

from callgate.core.dialects.stream_ids import account_sid, call_sid
from callgate.operations.caller import Caller
from callgate.operations.stream_calls import StreamCallOperations
from callgate.runtime.tasks import TaskOwner
from tests.web.conftest import KEY, Answer, Api
from tests.web.test_calls import started


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def asked(api: Api, call_id: str, form: dict[str, str] | None = None, **more: Any) -> Answer:
    account = account_sid(api.account.account_id)
    path = more.pop("path", f"/2010-04-01/Accounts/{account}/Calls/{call_sid(call_id)}.json")
    auth = more.pop("auth", basic(account, KEY))
    headers = {"X-API-Key": "", "Authorization": auth}
    return await api.ask("GET" if form is None else "POST", path, data=form, headers=headers)


async def test_a_bot_ends_its_call(api: Api) -> None:
    call = await started(api, await api.agent())
    api.live.joined.add(call.call_id)
    assert (await asked(api, call.call_id)).body["sid"] == call_sid(call.call_id)
    answer = await asked(api, call.call_id, {"Status": "completed"})
    assert (answer.status, answer.body["status"]) == (200, "completed")
    assert api.live.said == [(call.call_id, None)]


async def test_a_call_that_is_over_is_told_as_the_platform_does(api: Api) -> None:
    call = await started(api, await api.agent())
    answer = await asked(api, call.call_id, {"Status": "completed"})
    assert (answer.status, answer.body["code"]) == (404, 20404)


@pytest.mark.parametrize("auth", ["", basic("AC1", "wrong"), basic("", ""), "Basic *", f"Bearer {KEY}"])
async def test_without_a_key_nothing_is_told(api: Api, auth: str) -> None:
    call = await started(api, await api.agent())
    answer = await asked(api, call.call_id, {"Status": "completed"}, auth=auth)
    assert (answer.status, answer.body["code"]) == (401, 20003)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


async def test_the_account_of_the_path_may_be_what_the_bot_was_configured_with(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/2010-04-01/Accounts/{'AC' + '0' * 32}/Calls/{call_sid(call.call_id)}.json"
    answer = await asked(api, call.call_id, path=path)
    assert (answer.status, answer.body["account_sid"]) == (200, account_sid(api.account.account_id))


@pytest.mark.parametrize("sid", ["CA1", "CA" + "0" * 32, "x"])
async def test_other_calls_are_not_there(api: Api, sid: str) -> None:
    answer = await asked(api, "", {"Status": "completed"}, path=f"/2010-04-01/Accounts/AC1/Calls/{sid}.json")
    assert (answer.status, answer.body["code"]) == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code", "words"),
    [
        ({}, 20001, "Status=completed or Twiml"),
        ({"Url": "https://x.example/"}, 20001, "Url is not offered"),
        ({"Status": "busy"}, 20001, "expected completed"),
        ({"Twiml": "<Response><Dial>+1</Dial></Response>"}, 12100, "<Dial> is not offered"),
        ({"Twiml": "no"}, 12100, "not XML"),
    ],
)
async def test_what_is_not_offered_is_said(api: Api, form: dict[str, str], code: int, words: str) -> None:
    call = await started(api, await api.agent())
    api.live.joined.add(call.call_id)
    answer = await asked(api, call.call_id, form)
    assert (answer.status, answer.body["code"], answer.body["status"]) == (400, code, 400)
    assert words in answer.body["message"]
    assert api.live.said == []


@pytest.mark.parametrize(
    ("twiml", "does", "ends"),
    [
        ('<Play digits="12w3"/><Pause length="2"/>', ["12", 1.1, "3", 0.8, 2], True),
        ('<Play digits="9"/><Connect><Stream url="wss://b/"/></Connect>', ["9", 0.8], False),
        ('<Pause length="1"/><Hangup/><Play digits="5"/>', [1], True),
    ],
)
async def test_a_document_is_obeyed_in_its_order(api: Api, twiml: str, does: list[Any], ends: bool) -> None:
    call = await started(api, await api.agent())
    api.live.joined.add(call.call_id)
    did: list[Any] = []
    failures: list[str] = []

    async def wait(seconds: float) -> None:
        did.extend(digits for _, digits in api.live.pressed)
        api.live.pressed.clear()
        did.append(round(seconds, 3))

    tasks = TaskOwner(lambda name, error: failures.append(repr(error)))
    operations = StreamCallOperations(api.store, api.live, tasks, wait)
    form = {"Twiml": f"<Response>{twiml}</Response>"}
    shown = await operations.update(Caller(api.account, "key"), call_sid(call.call_id), form)
    await tasks.finish()
    assert shown["sid"] == call_sid(call.call_id)
    assert (did, failures) == (does, [])
    assert api.live.said == ([(call.call_id, None)] if ends else [])
