"""Bodies, queries and refusals in the served OpenAPI document: they are made by hand, so they are told by hand."""

from typing import Any, Final

from pydantic import BaseModel, WithJsonSchema

_REFERENCE: Final = "#/components/schemas/{model}"

# What every operation may answer instead of what it is for; see `schema/errors.py`.
_REFUSALS: Final[dict[str, Any]] = {
    "Mistakes": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "object"}]},
    },
    "Refusal": {
        "type": "object",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
        "additionalProperties": False,
    },
}
_ANSWERS: Final = {"400": ("Every mistake, by its field.", "Mistakes"), "default": ("Why not, in words.", "Refusal")}


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


def tell_refusals(document: dict[str, Any]) -> None:
    """Put into a document how each operation refuses, in place of what FastAPI supposes."""
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            for status, (words, name) in _ANSWERS.items():
                content = {"application/json": {"schema": {"$ref": _REFERENCE.format(model=name)}}}
                operation["responses"][status] = {"description": words, "content": content}
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(_REFUSALS)
