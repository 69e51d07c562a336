"""An agent's `contextSchema`: which variables it permits, and whether the variables of a call adhere to it.

JSON Schema 2020-12 with two differences: regular expressions are RE2's, so that no schema can stall a node, and
references never leave the schema, so that no schema can make us fetch anything.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.json import Json, JsonObject

# A schema of an agent may have any size its owner likes; of what is wrong with a call's variables a few are enough.
_MISTAKES_TOLD_MAX: Final = 5


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


_OPTIONS: Final = _options()


@lru_cache(maxsize=256)
def _expression(text: str) -> Any:
    try:
        return re2.compile(text, _OPTIONS)
    except (re2.error, UnicodeEncodeError) as error:
        raise TemplateUnfit(f"contextSchema: not a valid RE2 expression: `{text}`") from error


def _found(pattern: str, text: str) -> bool:
    try:
        return _expression(pattern).search(text) is not None
    except UnicodeEncodeError:
        return False


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for pattern, inner in patterns.items():
            for name, value in instance.items():
                if _found(pattern, name):
                    yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, additional: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name in instance:
        if not _is_declared(schema, name):
            if additional is False:
                yield ValidationError(f"{name!r} is not permitted")
            else:
                yield from validator.descend(instance[name], additional, path=name)


def _is_declared(schema: Mapping[str, Any], name: str) -> bool:
    return name in schema.get("properties", {}) or any(_found(p, name) for p in schema.get("patternProperties", {}))


_extend: Final[Any] = extend  # ships without type information

_Validator: Final[Any] = _extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)

# `jsonschema` would fetch references over the network by itself; from an empty registry nothing can be had.
_NOTHING_TO_FETCH: Final[Any] = Registry()


# Under these keys stand values, not schemas.
_VALUES: Final = frozenset(("const", "default", "enum", "examples"))


def _expressions_of(schema: Json) -> Iterator[str]:
    """Every regular expression in a schema."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _expressions_of(inner)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            elif key == "patternProperties" and isinstance(value, dict):
                yield from value
            if key not in _VALUES:
                yield from _expressions_of(value)


class ContextSchema:
    """One schema, compiled.

    Raises:
        TemplateUnfit: it is no valid JSON Schema.
    """

    def __init__(self, schema: JsonObject) -> None:
        try:
            Draft202012Validator.check_schema(schema)
            for text in _expressions_of(schema):
                _expression(text)
        except SchemaError as error:
            raise TemplateUnfit(f"contextSchema is no valid JSON Schema: {error.message}") from None
        except RecursionError:
            raise TemplateUnfit("contextSchema is nested too deeply") from None
        self._schema = schema
        self._validator = _Validator(schema, registry=_NOTHING_TO_FETCH)

    def permits(self, path: tuple[str, ...]) -> bool:
        """Whether the schema leaves room for a variable, by the names on the way to it."""
        schema: Json = self._schema
        for name in path:
            if not isinstance(schema, dict):
                return schema is not False
            properties = schema.get("properties")
            if isinstance(properties, dict) and name in properties:
                schema = properties[name]
            elif _is_declared(schema, name):
                return True
            else:
                return schema.get("additionalProperties", True) is not False
        return schema is not False

    def fits(self, name: str, value: Json) -> bool:
        """Whether `value` is fit for the top-level variable `name`, as far as that can be told of it alone."""
        properties = self._schema.get("properties")
        if isinstance(properties, dict) and name in properties:
            return not self._mistakes(value, properties[name])
        return True

    def check(self, context: JsonObject) -> None:
        """Whether the variables of a call adhere to the schema.

        Raises:
            TemplateUnfit: they do not; says which and why.
        """
        mistakes = self._mistakes(context, self._schema)
        if mistakes:
            raise TemplateUnfit(f"the variables do not fit contextSchema: {'; '.join(mistakes)}")

    def _mistakes(self, value: Json, schema: Json) -> list[str]:
        mistakes: list[str] = []
        try:
            for error in self._validator.evolve(schema=schema).iter_errors(value):
                place = ".".join(str(part) for part in error.absolute_path)
                mistakes.append(f"{place}: {error.message}" if place else error.message)
                if len(mistakes) == _MISTAKES_TOLD_MAX:
                    break
        except Unresolvable as error:
            raise TemplateUnfit(f"contextSchema: a reference leads nowhere: {error}") from None
        except RecursionError:
            raise TemplateUnfit("contextSchema: its references go round in circles") from None
        return mistakes


@lru_cache(maxsize=256)  # a schema changes with a revision of its agent; reading one takes milliseconds
def _compiled(text: str) -> ContextSchema:
    return ContextSchema(json.loads(text))


def context_schema(schema: JsonObject) -> ContextSchema:
    """The compiled schema; the same one for the same JSON.

    Raises:
        TemplateUnfit: it is no valid JSON Schema.
    """
    return _compiled(json.dumps(schema, sort_keys=True))
