"""The table of the public surface: facts only, made by a script; and what is intended is of something that it has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts import public_surface

from tests.compatibility.surface import COMPONENTS, INTENTIONS, OPERATIONS, TABLE

DOCS = Path(__file__).parent.parent.parent / "docs"

DOCUMENT = """
openapi: 3.0.3
info: {title: Foreign title, description: Foreign words.}
paths:
  /api/things/{thing_id}:
    parameters: []
    patch:
      operationId: things_partial_update
      description: Foreign words.
      parameters:
        - {in: path, name: thing_id, required: true, description: Foreign words., schema: {type: string, format: uuid}}
        - {in: query, name: search, schema: {type: string, minLength: 1, example: foreign}}
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
      responses:
        '200':
          description: Foreign words.
          content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}
        '404': {description: Foreign words.}
components:
  schemas:
    NullEnum: {enum: [null]}
    Kind: {type: string, enum: [a, b], description: Foreign words.}
    Thing:
      type: object
      title: Foreign title
      properties:
        description: {type: string, maxLength: 5, description: Foreign words.}
        kind: {nullable: true, oneOf: [{$ref: '#/components/schemas/Kind'}, {$ref: '#/components/schemas/NullEnum'}]}
        other: {allOf: [{$ref: '#/components/schemas/Thing'}], readOnly: true, description: Foreign words.}
        map: {type: object, additionalProperties: {type: string, description: Foreign words.}, example: {a: b}}
      required: [map, kind]
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script writes."""
    monkeypatch.setattr(public_surface, "TABLE", tmp_path / "table.json")
    return tmp_path / "table.json"


def test_facts_are_taken_and_words_are_left(table: Path, tmp_path: Path) -> None:
    source = tmp_path / "schema.yaml"
    source.write_text(DOCUMENT)
    assert public_surface.main([str(source), "2026-07"]) == 0
    text = table.read_text()
    assert "oreign" not in text
    written = json.loads(text)
    assert written["dated"] == "2026-07"
    assert written["operations"] == {
        "PATCH /api/things/{thing_id}": {
            "parameters": {
                "thing_id": {"in": "path", "required": True, "type": "string", "format": "uuid"},
                "search": {"in": "query", "type": "string", "minLength": 1},
            },
            "body": {"required": False, "content": {"application/json": {"$ref": "Thing"}}},
            "answers": {"200": {"application/json": {"type": "array", "items": {"$ref": "Thing"}}}, "404": {}},
        }
    }
    assert written["components"]["Thing"] == {
        "type": "object",
        "required": ["kind", "map"],
        "properties": {
            "description": {"type": "string", "maxLength": 5},
            "kind": {"nullable": True, "$ref": "Kind"},
            "other": {"readOnly": True, "$ref": "Thing"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    assert len([line for line in text.splitlines() if '"maxLength"' in line]) == 1  # a property has a line of its own


def test_the_date_stays_when_none_is_given(table: Path, tmp_path: Path) -> None:
    source = tmp_path / "schema.yaml"
    source.write_text(DOCUMENT)
    public_surface.main([str(source), "2026-07"])
    first = table.read_text()
    assert public_surface.main([str(source)]) == 0
    assert table.read_text() == first
    assert public_surface.main([]) == 2


def test_a_choice_that_is_not_understood_is_said() -> None:
    choice = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    with pytest.raises(ValueError, match="not understood"):
        public_surface.surface({"paths": {}, "components": {"schemas": {"A": choice}}})


def test_the_table_is_as_the_script_writes_it_and_has_no_sentence() -> None:
    assert public_surface.written(TABLE) + "\n" == (Path(__file__).parent / "public_surface.json").read_text()
    sentences = [text for text in texts(TABLE) if " " in text and not re.fullmatch(r"[A-Z]+ /[\w/{}]+", text)]
    assert sentences == []


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from texts(one)
    if isinstance(node, str):
        yield node


def test_what_is_intended_is_of_something_that_there_is() -> None:
    properties = {f"{name}.{inner}" for name, told in COMPONENTS.items() for inner in told.get("properties", {})}
    told = INTENTIONS["properties"]
    extra = [
        name for group in told["differ"] if group["how"] == "not of the public service" for name in group["properties"]
    ]
    named = [name.removesuffix("[]") for group in told["differ"] for name in group["properties"] if name not in extra]
    named += [
        *told["refused"],
        *told["without_effect"],
        *INTENTIONS["answers"]["null"],
        *INTENTIONS["answers"]["never"],
    ]
    assert sorted(set(named) - properties) == []
    assert set(extra) & properties == set()
    operations = [name.rpartition(" ")[0] for name in INTENTIONS["parameters"]["without_effect"]]
    operations += [name.rpartition(" ")[0] for name in INTENTIONS["answers"]["not_offered"]]
    assert set(operations) <= set(OPERATIONS)


def test_the_page_names_every_operation_and_every_difference() -> None:
    page = (DOCS / "compatibility.md").read_text()
    assert [name for name in OPERATIONS if f"`{name}`" not in page] == []
    differing = [name for group in INTENTIONS["properties"]["differ"] for name in group["properties"]]
    assert [name for name in differing if f"`{name.removeprefix('ultravox.v1.')}`" not in page] == []
