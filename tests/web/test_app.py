import pytest

from tests.web.conftest import KEY, Api


@pytest.mark.parametrize(
    "headers", [{"X-API-Key": ""}, {"X-API-Key": "nope"}, {"X-API-Key": "", "X-Unsafe-API-Key": "x"}]
)
async def test_without_a_known_key_nothing_is_told(api: Api, headers: dict[str, str]) -> None:
    answer = await api.ask("GET", "/api/sip", headers=headers)
    assert answer.status == 401
    assert set(answer.body) == {"detail"}


async def test_the_other_header_and_its_pre_flight(api: Api) -> None:
    headers = {"X-API-Key": "", "X-Unsafe-API-Key": KEY, "Origin": "https://page.example"}
    assert (await api.ask("GET", "/api/sip", headers=headers)).status == 200
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "PATCH"}
    allowed = await api.ask(
        "OPTIONS", "/api/sip", headers={**asked, "Access-Control-Request-Headers": "x-unsafe-api-key,content-type"}
    )
    assert allowed.status == 200
    refused = await api.ask("OPTIONS", "/api/sip", headers={**asked, "Access-Control-Request-Headers": "x-api-key"})
    assert refused.status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("GET", "/api/sip/", 404), ("PUT", "/api/sip", 405), ("GET", "/api/calls/x", 404),
     ("GET", "/api/agents/x", 404), ("GET", "/api/sip/decisions/x", 404), ("GET", "/api/agents/x/calls", 404)],
)  # fmt: skip
async def test_refusals_have_one_shape(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.ask(method, path)
    assert answer.status == status
    assert set(answer.body) == {"detail"}


@pytest.mark.parametrize(
    ("data", "kind", "status", "words"),
    [
        (b"{", "application/json", 400, "not JSON"),
        (b"\xff", "application/json", 400, "UTF-8"),
        (b'{"a": NaN}', "application/json", 400, "NaN"),
        (b'{"a": 1e999}', "application/json", 400, "too large"),
        (b'{"a": 99999999999999999999999}', "application/json", 400, "64 bits"),
        (b'{"allowAllAgents": true, "allowAllAgents": false}', "application/json", 400, "twice"),
        (b'{"a": "\\ud800"}', "application/json", 400, "no text"),
        (b'{"a": "\\u0000"}', "application/json", 400, "U+0000"),
        (b'{"a\\\\\\u0000": 1}', "application/json", 400, "U+0000"),
        (b"[" * 100_000, "application/json", 400, "nested"),
        (b"[" * 202 + b"]" * 202, "application/json", 400, "nested"),
        (b"{}", "text/plain", 415, "application/json"),
        (b" " * 200_001, "application/json", 413, "200000 bytes"),
    ],
)
async def test_bodies_that_cannot_be_read(api: Api, data: bytes, kind: str, status: int, words: str) -> None:
    answer = await api.ask("PATCH", "/api/sip", data=data, headers={"Content-Type": kind})
    assert answer.status == status
    assert words in answer.body["detail"]


async def test_health_and_readiness(api: Api) -> None:
    assert (await api.ask("GET", "/healthz", headers={"X-API-Key": ""})).status == 200
    assert (await api.ask("GET", "/readyz")).status == 200
    api.ready = False
    assert (await api.ask("GET", "/readyz")).status == 503
    assert (await api.ask("GET", "/healthz")).status == 200


async def test_the_schema_is_served_as_yaml_or_json(api: Api) -> None:
    as_json = await api.ask("GET", "/api/schema/?format=json")
    assert "SipConfigPatch" in as_json.body["components"]["schemas"]
    assert "/api/sip" in as_json.body["paths"]
    assert (await api.ask("GET", "/api/schema/", headers={"Accept": "application/json"})).body == as_json.body
    assert (await api.ask("GET", "/api/schema/")).body.startswith("openapi:")
