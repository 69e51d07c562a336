"""Any JSON for a PATCH: 200 or 400 in the agreed shape, all or nothing, never a failure."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import Api

# Lone surrogates and U+0000 are refused with the body as a whole: see test_app.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LEAF = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    LEAF | TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
RANGE = st.sampled_from(["10.0.0.0/8", "10.0.0.1/8", "1.2.3.4", "1.2.3.4/32"]) | JSON
ENTRY = st.fixed_dictionaries({}, optional={"agentId": JSON, "toUserPattern": st.sampled_from(["x", "("]) | JSON})
HANDLER = st.fixed_dictionaries(
    {}, optional={"url": st.sampled_from(["https://a.example", "ftp://x"]) | JSON, "secrets": JSON}
)
PATCH = JSON | st.fixed_dictionaries(
    {},
    optional={
        "allowedCidrRanges": st.lists(RANGE, max_size=4) | JSON,
        "allowAllAgents": st.booleans() | JSON,
        "allowedAgents": st.lists(ENTRY | JSON, max_size=3) | JSON,
        "fallbackHandler": HANDLER | JSON,
        "domain": JSON,
        "alowAllAgents": JSON,
    },
)


def is_errors(node: Any) -> bool:
    if isinstance(node, dict):
        return all(is_errors(inner) for inner in node.values())
    return isinstance(node, list) and all(
        isinstance(one, str) or (isinstance(one, dict) and is_errors(one)) for one in node
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=PATCH.filter(lambda body: body is not None))
async def test_any_patch(api: Api, body: Any) -> None:
    before = await api.ask("GET", "/api/sip")
    answer = await api.ask("PATCH", "/api/sip", body)
    after = await api.ask("GET", "/api/sip")
    assert answer.status in (200, 400), answer.body
    if answer.status == 400:
        assert answer.body
        assert is_errors(answer.body), answer.body
        assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])
    else:
        assert after.body == answer.body
        again = await api.ask("PATCH", "/api/sip", after.body)
        assert (again.body, again.headers["ETag"]) == (after.body, after.headers["ETag"])
