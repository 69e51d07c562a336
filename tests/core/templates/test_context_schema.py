"""One schema, compiled once."""

from callgate.core.templates.context_schema import context_schema


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
