"""Write the table of the public surface: `public_surface.py PATH_TO_ultravox-openapi.yaml [YYYY-MM]`.

Facts only, in a form of our own: operations, parameters, properties, types, limits, enumerations, status codes. What
is written for people (descriptions, examples, titles) stays where it is; so the table may be kept here, and compared
line by line. Without a month the date that stands there stays: right when the script has changed, not the schema.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

TABLE: Final = Path(__file__).parent.parent / "tests" / "compatibility" / "public_surface.json"

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_REFERENCE: Final = "#/components/schemas/"
# The keys of a schema that are facts about values; all others are words for people, or say the same again.
_FACTS: Final = (
    "type",
    "format",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "default",
    "nullable",
    "readOnly",
    "writeOnly",
    "deprecated",
)
_SPREAD_DEPTH: Final = 3  # a line for each property and each parameter


def surface(document: dict[str, Any]) -> dict[str, Any]:
    """The operations and the components of an OpenAPI 3.0 document."""
    operations = {}
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operations[f"{method.upper()} {path}"] = _operation(methods[method])
    components = document["components"]["schemas"]
    return {"operations": operations, "components": {name: _facts(one) for name, one in components.items()}}


def _operation(told: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if told.get("parameters"):
        found["parameters"] = {
            one["name"]: {
                "in": one["in"],
                **({"required": True} if one.get("required") else {}),
                **_facts(one["schema"]),
            }
            for one in told["parameters"]
        }
    body = told.get("requestBody")
    if body:
        found["body"] = {"required": body.get("required", False), "content": _content(body)}
    found["answers"] = {str(status): _content(answer) for status, answer in told["responses"].items()}
    return found


def _content(told: dict[str, Any]) -> dict[str, Any]:
    return {kind: _facts(one.get("schema", {})) for kind, one in told.get("content", {}).items()}


def _facts(schema: dict[str, Any]) -> dict[str, Any]:
    """What a schema says of values; a reference by the component's name, with what stands beside it."""
    found: dict[str, Any] = {key: schema[key] for key in _FACTS if key in schema}
    one_of = [_facts(one) for one in (*schema.get("allOf", ()), *schema.get("oneOf", ())) if not _is_null(one)]
    if len(one_of) > 1:
        raise ValueError(f"a choice of {len(one_of)} schemas is not understood: {schema}")
    for one in one_of:
        found |= one
    if any(_is_null(one) for one in schema.get("oneOf", ())):
        found["nullable"] = True
    if "$ref" in schema:
        found["$ref"] = schema["$ref"].removeprefix(_REFERENCE)
    if "items" in schema:
        found["items"] = _facts(schema["items"])
    if "additionalProperties" in schema:
        found["additionalProperties"] = _facts(schema["additionalProperties"])
    if schema.get("required"):
        found["required"] = sorted(schema["required"])
    if "properties" in schema:
        found["properties"] = {name: _facts(one) for name, one in schema["properties"].items()}
    return found


def _is_null(schema: dict[str, Any]) -> bool:
    return bool(schema.get("$ref") == f"{_REFERENCE}NullEnum")


def written(value: Any, depth: int = 0) -> str:
    """JSON with a line for each property and each parameter."""
    if not (isinstance(value, dict) and value and depth <= _SPREAD_DEPTH):
        return json.dumps(value)
    margin = " " * (depth + 1)
    lines = [f"{margin}{json.dumps(key)}: {written(one, depth + 1)}" for key, one in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{' ' * depth}}}"


def main(arguments: list[str]) -> int:
    """Write the table."""
    if len(arguments) not in (1, 2):
        print(__doc__)
        return 2
    source = Path(arguments[0]).read_bytes()
    dated = arguments[1] if len(arguments) == 2 else json.loads(TABLE.read_text())["dated"]
    head = {"dated": dated, "sha256": hashlib.sha256(source).hexdigest()}
    TABLE.write_text(written({**head, **surface(yaml.safe_load(source))}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
