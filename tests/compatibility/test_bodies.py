"""Property by property of every body: the same as in the public schema, or different on purpose."""

from typing import Any

import pytest

from callgate.runtime import address_guard
from callgate.schema import body as schema_body
from tests.compatibility.bodies import differences
from tests.compatibility.surface import INTENTIONS, OFFERED, OPERATIONS
from tests.compatibility.test_operations import document
from tests.web.conftest import Api

PROPERTIES: Any = INTENTIONS["properties"]
BODIES: Any = INTENTIONS["bodies"]
NULL_IS_ABSENT = "nullable: – → True"


async def test_bodies_are_those_of_the_public_service(api: Api) -> None:
    served = await document(api)
    found: dict[str, set[str]] = {}
    for name in sorted(OFFERED):
        told, ours = OPERATIONS[name].told.get("body"), served[name].get("requestBody")
        assert (ours is None) == (told is None) or name in BODIES["extra"], name
        if told is None:
            continue
        kinds = {kind for kind in told["content"] if f"{name} {kind}" not in BODIES["not_offered"]}
        assert ours["content"].keys() == kinds == {"application/json"}, name
        assert ours["required"] == told["required"], name
        schema = ours["content"]["application/json"]["schema"]
        for choice in schema.get("oneOf", [schema]):
            for place, how in differences(OPERATIONS[name].body, choice, served[name]["schemas"]).items():
                found.setdefault(place, set()).update(how.split("; "))
    for place, these in found.items():
        if place.startswith(PROPERTIES["null_is_absent"]):
            these.discard(NULL_IS_ABSENT)
    told_otherwise = {place: "; ".join(sorted(these)) for place, these in found.items() if these}
    declared = {place: group["how"] for group in PROPERTIES["differ"] for place in group["properties"]}
    assert told_otherwise == declared


def test_the_length_of_urls_is_that_of_the_guard() -> None:
    assert schema_body.URL_CHARACTERS_MAX == address_guard.URL_CHARACTERS_MAX


@pytest.mark.parametrize("place", sorted(PROPERTIES["refused"]))
async def test_a_medium_that_is_not_offered_is_refused_in_words(api: Api, place: str) -> None:
    component, _, name = place.rpartition(".")
    medium: Any = {"sip": {name: {}}} if component.endswith("SipMedium") else {name: {}}
    answer = await api.ask("POST", "/api/calls", {"medium": medium})
    assert answer.status == 400
    assert set(answer.body) == {"medium"}
    assert "is not offered" in answer.body["medium"][0] or "INVITE" in answer.body["medium"][0]
    agent = await api.agent(template={"medium": medium})
    assert (await api.ask("POST", f"/api/agents/{agent}/calls", {})).body == answer.body
