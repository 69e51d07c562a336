"""Requests made from the served OpenAPI document: whatever it allows, no answer is a failure of the server."""

import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import KEY, Api

_DEFAULT: Any = schemathesis.openapi


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_no_request_that_the_document_allows_makes_the_server_fail(api: Api, data: st.DataObject) -> None:
    document = (await api.ask("GET", "/api/schema/?format=json")).body
    operations = [one.ok() for one in _DEFAULT.from_dict(document).get_all_operations()]
    assert len(operations) > 15
    case: Any = data.draw(data.draw(st.sampled_from(operations)).as_strategy())
    sent: Any = case.as_transport_kwargs(base_url=api.url)
    body = sent.get("json", sent.get("data"))
    raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    params = [(str(k), str(v)) for k, v in (sent.get("params") or {}).items() if v is not None]
    async with api.session.request(
        sent["method"],
        sent["url"],
        params=params,
        data=raw,
        headers={"X-API-Key": KEY, "Content-Type": "application/json"},
        allow_redirects=False,
    ) as answer:
        text = await answer.text()
        assert answer.status < 500, (case.method, sent["url"], body, text)
