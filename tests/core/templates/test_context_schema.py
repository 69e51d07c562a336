"""One schema, compiled once."""

import pytest

from callgate.core.templates.context_schema import context_schema
from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.json import JsonObject


def test_the_same_schema_is_compiled_once() -> None:
    first = context_schema({"properties": {"a": {}}, "type": "object"})
    assert first is context_schema({"type": "object", "properties": {"a": {}}})


def test_what_is_permitted_by_name() -> None:
    schema = context_schema({"properties": {"a": False, "b": {"additionalProperties": False}}, "type": "object"})
    assert not schema.permits(("a",))
    assert schema.permits(("b",))
    assert not schema.permits(("b", "c"))
    assert schema.permits(("other", "c"))
    assert schema.fits("b", {})
    assert not schema.fits("b", {"c": 1})


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "string", "pattern": "(?=x)"}}},
        {"patternProperties": {"(?<=x)": {}}},
        {"allOf": [{"properties": {"a": {"pattern": r"(.)\1"}}}]},
    ],
)
def test_an_expression_that_re2_refuses_is_told_when_the_schema_is_read(schema: JsonObject) -> None:
    with pytest.raises(TemplateUnfit, match="not a valid RE2 expression"):
        context_schema(schema)


def test_values_that_look_like_expressions_are_none() -> None:
    context_schema({"properties": {"pattern": {"const": {"pattern": "("}}}})
