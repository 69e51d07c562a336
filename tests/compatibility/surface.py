"""The public surface as the table tells it, what is intended of it, and its components as JSON schemas."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import jsonschema
import yaml

_HERE: Final = Path(__file__).parent
TABLE: Final[Any] = json.loads((_HERE / "public_surface.json").read_text())
INTENTIONS: Final[Any] = yaml.safe_load((_HERE / "intentions.yaml").read_text())

COMPONENTS: Final[dict[str, Any]] = TABLE["components"]

# Formats of numbers say how they are held in memory, and `enum` what `enum` says already.
FORMATS_WITHOUT_MEANING: Final = frozenset(("int32", "uint32", "float", "double", "enum", "binary"))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the public service.

    Attributes:
        name: ``GET /api/calls/{call_id}``.
        told: its entry in the table.
    """

    name: str
    told: Any

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.name.partition(" ")[2]

    @property
    def query(self) -> dict[str, Any]:
        """Its parameters in the query, by name."""
        return {name: one for name, one in self.told.get("parameters", {}).items() if one["in"] == "query"}

    @property
    def body(self) -> Any:
        """The schema of its JSON body; ``None`` without one."""
        return self.told.get("body", {}).get("content", {}).get("application/json")

    def answer(self, status: int) -> Any:
        """The schema of its JSON answer; ``None`` when that has none."""
        return self.told["answers"].get(str(status), {}).get("application/json")


OPERATIONS: Final = {name: Operation(name, told) for name, told in TABLE["operations"].items()}
NOT_OFFERED: Final[dict[str, str]] = {
    name: group["because"] for group in INTENTIONS["operations"]["not_offered"] for name in group["operations"]
}
OFFERED: Final = frozenset(INTENTIONS["operations"]["offered"])


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    literal_first = sorted(OPERATIONS, key=lambda name: name.count("{"))
    return [(name, re.compile(re.sub(r"\{\w+\}", "[^/]+", name))) for name in literal_first]


@cache
def operation_of(method: str, path: str) -> Operation | None:
    """The operation that a request is for; `path` without its query."""
    wanted = f"{method.upper()} {path}"
    return next((OPERATIONS[name] for name, pattern in _patterns() if pattern.fullmatch(wanted)), None)


# ------------------------------------------------------------------------------------------------------------ answers


@cache
def schema_of(component: str) -> dict[str, Any]:
    """A component as the JSON schema of what an answer may hold; with the exceptions that are declared."""
    told = COMPONENTS[component]
    schema = _schema(told)
    if "properties" in told:
        exceptions = INTENTIONS["answers"]
        properties = schema["properties"]
        for name in properties:
            if f"{component}.{name}" in exceptions["null"]:
                properties[name] = {"anyOf": [properties[name], {"type": "null"}]}
        prefix = f"{component}."
        for extra in exceptions["extra"]:
            if extra.startswith(prefix):
                properties[extra.removeprefix(prefix)] = {}
        schema["additionalProperties"] = False
        written_only = {name for name, one in told["properties"].items() if one.get("writeOnly")}
        schema["required"] = [name for name in told.get("required", ()) if name not in written_only]
    return schema


def _schema(told: Any) -> dict[str, Any]:
    """Facts as a JSON schema; a reference as one to `schema_of` the component."""
    found = {key: told[key] for key in _KEYWORDS if key in told}
    if told.get("format") in FORMATS_WITHOUT_MEANING:
        del found["format"]
    if "$ref" in told:
        found["$ref"] = f"component:{told['$ref']}"
    for key in ("items", "additionalProperties"):
        if key in told:
            found[key] = _schema(told[key])
    if "properties" in told:
        found["properties"] = {name: _schema(one) for name, one in told["properties"].items()}
    return {"anyOf": [found, {"type": "null"}]} if told.get("nullable") else found


_KEYWORDS: Final = ("type", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
                    "maxItems", "required")  # fmt: skip


_FORMATS: Final = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uuid", raises=ValueError)
def _uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value


@_FORMATS.checks("uri", raises=ValueError)
def _uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def mistakes(schema: Any, value: Any) -> list[str]:
    """What of an answer is not as the table says."""
    return sorted(set(_mistakes(_schema(schema), value, "")))


def _mistakes(schema: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    """By hand where schemas branch, so that each mistake names its property instead of a branch."""
    if "anyOf" in schema:
        if value is not None:
            yield from _mistakes(schema["anyOf"][0], value, path)
        return
    if "$ref" in schema:
        yield from _mistakes(schema_of(schema["$ref"].removeprefix("component:")), value, path)
        return
    outer = {key: one for key, one in schema.items() if key not in ("properties", "items", "additionalProperties")}
    if "properties" in schema:
        outer["properties"] = dict.fromkeys(schema["properties"], True)
        outer["additionalProperties"] = schema.get("additionalProperties", True) is not False
    checker = jsonschema.Draft202012Validator(outer, format_checker=_FORMATS)
    yield from (f"{path or 'it'}: {error.message[:300]}" for error in checker.iter_errors(value))
    if isinstance(value, dict):
        other = schema.get("additionalProperties")
        for name, one in value.items():
            inner = schema.get("properties", {}).get(name, other)
            if isinstance(inner, dict):
                yield from _mistakes(inner, one, f"{path}.{name}".lstrip("."))
    if isinstance(value, list) and "items" in schema:
        for index, one in enumerate(value):
            yield from _mistakes(schema["items"], one, f"{path}[{index}]")


def seen(schema: Any, value: Any) -> Iterator[str]:
    """The properties, as `Component.property`, that an answer holds with a value that is not null."""
    if value is None:
        return
    if "$ref" in schema:
        component = schema["$ref"]
        if isinstance(value, dict):
            for name, told in COMPONENTS[component].get("properties", {}).items():
                if value.get(name) is not None:
                    yield f"{component}.{name}"
                    yield from seen(told, value[name])
    elif isinstance(value, list):
        for one in value:
            yield from seen(schema.get("items", {}), one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from seen(schema.get("additionalProperties", {}), one)


def reached(schema: Any) -> Iterator[str]:
    """All properties, as `Component.property`, that an answer may hold; each once."""
    yield from _reached(schema, set())


def _reached(schema: Any, visited: set[str]) -> Iterator[str]:
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _reached(schema[key], visited)
    component = schema.get("$ref")
    if component is not None and component not in visited:
        visited.add(component)
        for name, told in COMPONENTS[component].get("properties", {}).items():
            yield f"{component}.{name}"
            yield from _reached(told, visited)
