"""Operation by operation: offered, not offered on purpose, or missing; and missing must be empty."""

import re
from typing import Any
from uuid import uuid4

from callgate.web.api.not_offered import WORDS
from tests.compatibility.bodies import differences
from tests.compatibility.surface import INTENTIONS, NOT_OFFERED, OFFERED, OPERATIONS, Operation
from tests.web.conftest import Api

PARAMETERS: Any = INTENTIONS["parameters"]
NOT_OFFERED_STATUSES: Any = INTENTIONS["answers"]["not_offered"]


def test_every_operation_is_offered_or_not_on_purpose_and_nothing_else_is_named() -> None:
    said = [*OFFERED, *NOT_OFFERED]
    assert sorted(said) == sorted(OPERATIONS)
    assert all(reason.strip() for reason in NOT_OFFERED.values())


async def test_operations_are_served_with_their_parameters_and_statuses(api: Api) -> None:
    served = await document(api)
    missing = sorted(name for name in OFFERED if name not in served)
    assert missing == []
    there = {name for name in NOT_OFFERED if name in served and name not in ALWAYS_404}
    assert there == set(), "offered by now: move it to `offered`"
    used: set[str] = set()
    for name in sorted(OFFERED):
        parameters_agree(OPERATIONS[name], served[name], used)
        statuses_agree(OPERATIONS[name], served[name])
    declared = {*PARAMETERS["not_offered"], *PARAMETERS["differ"]}
    assert used == declared, "declared, but no such difference"


# Served, to say in words why not.
ALWAYS_404 = frozenset(("GET /api/calls/{call_id}/stages/{call_stage_id}/messages/{call_stage_message_index}/audio",))


async def document(api: Api) -> dict[str, Any]:
    """Our operations by name, as we tell them."""
    told = (await api.ask("GET", "/api/schema/?format=json")).body
    return {
        f"{method.upper()} {path}": {**one, "schemas": told["components"]["schemas"]}
        for path, methods in told["paths"].items()
        for method, one in methods.items()
    }


def parameters_agree(operation: Operation, ours: Any, used: set[str]) -> None:
    own = {one["name"]: one for one in ours.get("parameters", ()) if one["in"] == "query"}
    assert own.keys() <= operation.query.keys(), f"{operation.name}: not of the public service"
    for name, told in operation.query.items():
        full = f"{operation.name} {name}"
        if full in PARAMETERS["not_offered"]:
            used.add(full)
            continue
        assert name in own, f"{full}: missing"
        assert not own[name].get("required"), full
        schema = own[name]["schema"]
        for place, how in differences({"nullable": True, **told}, {"anyOf": [schema, {"type": "null"}]}, {}).items():
            key = full + place if full + place in PARAMETERS["differ"] else name + place
            assert PARAMETERS["differ"].get(key, {}).get("how") == how, f"{full}{place}: {how}"
            used.add(key)
        assert schema.get("default") in (told.get("default"), None, []), full
        assert told.get("default") in (schema.get("default"), None), full


def statuses_agree(operation: Operation, ours: Any) -> None:
    wanted = {one for one in operation.told["answers"] if one != "default"}
    wanted -= {one for one in wanted if f"{operation.name} {one}" in NOT_OFFERED_STATUSES}
    own = {one for one in ours["responses"] if one.isdigit() and (int(one) < 400 or one in wanted)}
    assert own == wanted or not wanted, f"{operation.name}: {own} instead of {wanted}"


async def test_what_is_not_offered_answers_404_in_words(api: Api) -> None:
    for name in sorted(NOT_OFFERED):
        method, _, path = name.partition(" ")
        body: Any = None if method in ("GET", "DELETE") else {}
        answer = await api.ask(
            method, re.sub(r"\{\w+\}", lambda match: "0" if "index" in match[0] else str(uuid4()), path), body
        )
        assert answer.status == 404, name
        assert set(answer.body) == {"detail"}, name
        # Of a call that there is, the one that is served says so too: see tests/web/test_stages.py.
        assert name in ALWAYS_404 or answer.body["detail"] in WORDS, name


async def test_what_is_not_offered_is_told_to_nobody_without_a_key(api: Api) -> None:
    assert (await api.ask("GET", "/api/corpora", headers={"X-API-Key": ""})).status == 401
