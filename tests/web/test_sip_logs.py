from dataclasses import replace
from uuid import uuid4

import pytest

from callgate.entities.call import OutboxEvent
from callgate.entities.sip_log import SipLog
from tests.web.conftest import Api
from tests.web.test_call_filters import kept
from tests.web.test_calls import NOW, started


async def test_a_link_is_followed_without_a_key(api: Api) -> None:
    call = await kept(api, await api.agent(), "Ada")
    await api.store.call_ended(replace(call, sip={"callId": "1"}))
    api.store.sip_log(SipLog(call.call_id, NOW, b"INVITE sip:a@b SIP/2.0\r\n"))
    await api.store.written()
    answer = await api.ask("GET", f"/api/calls/{call.call_id}/sip_logs")
    assert (answer.status, answer.body) == (302, "")
    link = answer.headers["Location"]
    assert link.startswith(f"{api.url}/api/calls/{call.call_id}/sip_logs/")
    followed = await api.ask("GET", link.removeprefix(api.url), headers={"X-API-Key": ""})
    assert (followed.status, followed.body) == (200, "INVITE sip:a@b SIP/2.0\r\n")
    assert followed.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert followed.headers["Content-Disposition"].startswith("attachment")
    assert followed.headers["Cache-Control"] == "no-store"
    refused = await api.ask("GET", f"{link.removeprefix(api.url)}x", headers={"X-API-Key": ""})
    assert refused.status == 403
    assert (await api.ask("GET", f"/api/calls/{call.call_id}/sip_logs", headers={"X-API-Key": ""})).status == 401


async def test_too_early_and_never(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}/sip_logs"
    assert (await api.ask("GET", path)).status == 404  # it came without SIP
    event = OutboxEvent(str(uuid4()), api.account.account_id, call.call_id, "call.joined", NOW, {})
    await api.store.call_joined(replace(call, sip={"callId": "1"}), event)
    early = await api.ask("GET", path)
    assert (early.status, list(early.body)) == (425, ["detail"])
    assert (await api.ask("GET", "/api/calls/nobody/sip_logs")).status == 404


@pytest.mark.parametrize("host", ["[", "a b", "a:b:c", "x" * 300])
async def test_whatever_a_client_calls_the_server(api: Api, host: str) -> None:
    call = await kept(api, await api.agent(), "Ada")
    await api.store.call_ended(replace(call, sip={"callId": "1"}))
    api.store.sip_log(SipLog(call.call_id, NOW, b"x"))
    await api.store.written()
    assert (await api.ask("GET", f"/api/calls/{call.call_id}/sip_logs", headers={"Host": host})).status < 500
