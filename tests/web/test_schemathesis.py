"""Requests made from the served OpenAPI document: whatever it allows, no answer fails, and each is as it tells."""

import json
import os
import re
from dataclasses import dataclass
from typing import Any, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from callgate.operations.operations import Operations
from callgate.web.app import create_app, document_of
from tests.compatibility.answers import check_answer
from tests.web.conftest import KEY, Api
from tests.web.test_calls import started

# Of each operation, so that there are some thousand in all; CALLGATE_REQUESTS asks for more.
REQUESTS = int(os.environ.get("CALLGATE_REQUESTS", "20"))

DOCUMENT: Any = document_of(create_app(cast("Operations", None)))
OPERATIONS: Any = {
    one.ok().label: one.ok() for one in cast("Any", schemathesis.openapi).from_dict(DOCUMENT).get_all_operations()
}
PARAMETERS = {one for name in OPERATIONS for one in re.findall(r"\{(\w+)\}", name)}
MADE_BY_CALLS = {"delivery_id", "job_id"}
CHECKS: Any = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@dataclass
class Known:
    """What there is in an account.

    Attributes:
        ids: by the parameter that they are for.
        reading_key: an API key that only reads.
    """

    ids: dict[str, str]
    reading_key: str


@pytest.fixture
async def known(api: Api) -> Known:
    """An account with one of each noun."""
    agent_id = await api.agent()
    call = await started(api, agent_id)
    api.live.joined.add(call.call_id)
    key = (await api.ask("POST", "/api/api_keys", {"name": "looks", "readOnly": True})).body
    tool = {"name": "fixed", "definition": {"staticResponse": {"responseText": "x"}}}
    throttle = {"name": "slow", "rules": [{"maxCalls": 50, "windowSeconds": 1}]}
    webhook = {"url": "https://a.example/hook", "events": ["call.started"]}
    ids = {
        "agent_id": agent_id,
        "api_key_prefix": key["prefix"],
        "call_id": call.call_id,
        "call_stage_id": call.stage_id,
        "call_stage_message_index": "0",
        "decision_id": (await api.ask("GET", "/api/sip/decisions")).body["results"][0]["decisionId"],
        "number": "1",
        "throttle_id": (await api.ask("POST", "/api/call_throttles", throttle)).body["throttleId"],
        "tool_id": (await api.ask("POST", "/api/tools", tool)).body["toolId"],
        "voice_id": (await api.ask("GET", "/api/voices")).body["results"][0]["voiceId"],
        "webhook_id": (await api.ask("POST", "/api/webhooks", webhook)).body["webhookId"],
    }
    assert ids.keys() == PARAMETERS - MADE_BY_CALLS
    return Known(ids, key["secret"])


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@settings(max_examples=REQUESTS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(data=st.data())
async def test_no_request_that_the_document_allows_is_answered_otherwise_than_it_tells(
    api: Api, known: Known, name: str, data: st.DataObject
) -> None:
    case: Any = data.draw(OPERATIONS[name].as_strategy())
    if data.draw(st.booleans()):
        case.path_parameters = {**(case.path_parameters or {}), **known.ids}
    await answered(api, case, data.draw(st.sampled_from((KEY, KEY, known.reading_key))))


async def answered(api: Api, case: Any, key: str) -> None:
    sent: Any = case.as_transport_kwargs(base_url=api.url)
    body = sent.get("json", sent.get("data"))
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    params = [(str(k), str(v)) for k, v in (sent.get("params") or {}).items() if v is not None]
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    async with api.session.request(
        sent["method"], sent["url"], params=params, data=raw, headers=headers, allow_redirects=False
    ) as answer:
        content = await answer.read()
    told = requests.Request(sent["method"], sent["url"], headers=headers, data=raw).prepare()
    given_headers = {name.lower(): [value] for name, value in answer.headers.items()}
    response = schemathesis.Response(answer.status, given_headers, content, told, 0.0, verify=False)
    case.validate_response(response, checks=CHECKS)
    text = content.decode() if "json" not in answer.content_type else json.loads(content or b"null")
    check_answer(sent["method"], str(answer.url), answer.status, text)


def test_the_document_has_all_operations() -> None:
    assert {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods} == set(
        OPERATIONS
    )
    assert len(OPERATIONS) > 60
