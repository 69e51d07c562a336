from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.entities.json import Json
from callgate.schema.errors import Invalid
from callgate.schema.webhook import validate_webhook
from tests.schema.test_stage import JSON

AGENT = "11111111-1111-4111-8111-111111111111"
URL = "https://a.example/hook"
KEYS = ("agentId", "url", "secrets", "events", "status", "recentFailures", "evnts")


def read(body: Json, *, partial: bool = False) -> dict[str, Any]:
    return validate_webhook(body, agents=(AGENT,), partial=partial)


def test_only_what_was_given_comes_back_and_what_is_read_only_is_ignored() -> None:
    body: Json = {"url": URL, "events": ["call.ended", "call.started", "call.ended"], "status": "normal", "created": 7}
    assert read(body) == {"url": URL, "events": ("call.ended", "call.started")}
    assert read({"agentId": AGENT.upper(), "secrets": ["a", "b"]}, partial=True) == {
        "agent_id": AGENT,
        "secrets": ("a", "b"),
    }
    assert read({"agentId": None, "secrets": []}, partial=True) == {"agent_id": None}
    assert read({}, partial=True) == {}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"url": ["required, but absent"], "events": ["required, but absent"]}),
        ({"url": "x" * 201, "events": []}, {"url": ["longer than 200 characters: 201"]}),
        ({"url": URL, "events": ["call.over"]},
         {"events": {"0": ["expected one of 'call.started', 'call.joined', 'call.ended' or 'call.billed': "
                           "`call.over`"]}}),
        ({"url": URL, "events": [], "agentId": "x"}, {"agentId": ["not a UUID: `x`"]}),
        ({"url": URL, "events": [], "agentId": AGENT.replace("1", "2")},
         {"agentId": [f"no agent of this account: `{AGENT.replace('1', '2')}`"]}),
        ({"url": URL, "events": [], "secrets": ["", "s" * 121]},
         {"secrets": {"0": ["shorter than 1 characters: ``"], "1": ["longer than 120 characters: 121"]}}),
        ({"url": URL, "events": [], "secrets": ["s"] * 11}, {"secrets": ["more than 10 entries: 11"]}),
        ({"url": URL, "events": None}, {"events": ["expected a list: null"]}),
        ({"url": URL, "events": [], "secret": "s"}, {"secret": ["unknown key `secret`; did you mean `secrets`?"]}),
    ],
)  # fmt: skip
def test_every_mistake_is_told(body: Json, errors: Json) -> None:
    with pytest.raises(Invalid) as refused:
        read(body)
    assert refused.value.errors == errors


@given(body=st.dictionaries(st.sampled_from(KEYS), JSON | st.sampled_from([URL, ["call.ended"]])) | JSON)
def test_any_body_is_taken_or_refused_in_words(body: Json) -> None:
    for partial in (False, True):
        with suppress(Invalid):
            found = read(body, partial=partial)
            assert found.keys() <= {"agent_id", "url", "secrets", "events"}
            assert len(found.get("url", "")) <= 200
