"""How our request bodies, as the served OpenAPI document tells them, differ from those of the public surface."""

from collections.abc import Iterator
from typing import Any, Final

from callgate.schema.body import BOUNDS
from tests.compatibility.surface import COMPONENTS, FORMATS_WITHOUT_MEANING

_INT32: Final = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
_COMPARED: Final = ("type", "format", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
                    "maxItems", "nullable")  # fmt: skip
_ANYTHING: Final[dict[str, Any]] = {}


def differences(public: Any, ours: Any, schemas: Any) -> dict[str, str]:
    """Every difference by its property, `Component.property`, in words such as `maxLength: – → 16`.

    Args:
        public: the schema of a body in the table.
        ours: ours, from the served document.
        schemas: the components of that document.
    """
    found: dict[str, set[str]] = {}
    for name, difference in _differences(public, ours, schemas, "", set()):
        found.setdefault(name, set()).add(difference)
    return {name: "; ".join(sorted(these)) for name, these in sorted(found.items())}


def _differences(
    public: Any, ours: Any, schemas: Any, name: str, visited: set[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    told, given = _public_facts(public), _our_facts(ours, schemas)
    if "enum" in given and "enum" not in told:
        given |= {"minimum": told.get("minimum"), "maximum": told.get("maximum")}  # the list says it
    for key in (*_COMPARED, BOUNDS):
        if told.get(key) != given.get(key):
            yield name, f"{key}: {_shown(told.get(key))} → {_shown(given.get(key))}"
    for key in ("items", "additionalProperties"):
        inner = _value_of(given, key)
        if key in told and inner is not None:
            yield from _differences(told[key], inner, schemas, f"{name}[]", visited)
        elif key in told:
            yield name, f"{key}: missing"
    if "properties" not in told:
        return
    component, model = public.get("$ref", name), given.get("title", "")
    if (component, model) in visited:
        return
    visited.add((component, model))
    theirs, own = told["properties"], given.get("properties", {})
    required = set(told.get("required", ()))
    for inner, facts in theirs.items():
        full = f"{component}.{inner}"
        if facts.get("readOnly"):
            if inner in own:
                yield full, "taken, though it is for reading only"
        elif inner not in own:
            yield full, "missing"
        else:
            if (inner in required) != (inner in given.get("required", ())):
                yield full, "optional → required" if inner not in required else "required → optional"
            yield from _differences(facts, own[inner], schemas, full, visited)
    for inner in own:
        if inner not in theirs:
            yield f"{component}.{inner}", "not of the public service"


def _value_of(given: Any, key: str) -> Any:
    inner = given.get(key)
    return _ANYTHING if inner is True else inner if isinstance(inner, dict) else None


def _public_facts(schema: Any) -> Any:
    facts = dict(schema)
    if "$ref" in facts:
        facts = {**COMPONENTS[facts["$ref"]], **{key: one for key, one in facts.items() if key != "$ref"}}
    if facts.get("format") in FORMATS_WITHOUT_MEANING:
        lowest, highest = _INT32.get(facts.pop("format"), (None, None))
        facts |= {} if lowest is None else {"minimum": lowest, "maximum": highest}
    if "enum" in facts:
        facts.pop("minLength", None)  # says nothing more
    return _sorted_enum(facts)


def _our_facts(schema: Any, schemas: Any) -> Any:
    facts = dict(schema)
    while "$ref" in facts or "anyOf" in facts or "allOf" in facts:
        if "$ref" in facts:
            inner = schemas[facts.pop("$ref").rpartition("/")[2]]
        else:
            choices = facts.pop("anyOf", None) or facts.pop("allOf")
            others = [one for one in choices if one.get("type") != "null"]
            if len(others) < len(choices):
                facts["nullable"] = True
            assert len(others) == 1, f"a choice is not understood: {schema}"
            inner = others[0]
        facts = {**inner, **facts}
    if "const" in facts:
        facts["enum"] = [facts["const"]]
    return _sorted_enum(facts)


def _sorted_enum(facts: Any) -> Any:
    return {**facts, "enum": sorted(facts["enum"])} if "enum" in facts else facts


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
