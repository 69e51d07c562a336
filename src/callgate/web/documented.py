"""Request bodies and queries in the served OpenAPI document: they are read by hand, so they are told by hand."""

from typing import Any

from pydantic import BaseModel, WithJsonSchema

_REFERENCE = "#/components/schemas/{model}"


def body_of(*models: type[BaseModel], required: bool = True) -> dict[str, Any]:
    """What a route adds to its description so that its body is told.

    Args:
        models: of the body; several: one of them.
        required: whether there must be a body; none is as good as an empty object.
    """
    schemas = [{"$ref": _REFERENCE.format(model=model.__name__)} for model in models]
    schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def asked(kind: str = "string", **facts: Any) -> WithJsonSchema:
    """What annotates a text of the query with what is told of it: its type, and keywords of JSON schema."""
    return WithJsonSchema({"type": kind, **facts})


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """The schemas of models and of all they hold, by name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template=_REFERENCE)
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    return found
