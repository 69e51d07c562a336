"""Mistakes in a body, all at once, in the shape that the public service's clients expect.

``{"<field>": ["…"]}``; for a list of strings ``{"<field>": {"<index>": ["…"]}}``; for a list of objects
``{"<field>": [{}, {"<key>": ["…"]}]}``; ``{"non_field_errors": ["…"]}`` for what belongs to no field.
"""

import json
from collections.abc import Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from callgate.entities.json import Json, JsonObject

NON_FIELD: Final = "non_field_errors"

_SHOWN_CHARACTERS_MAX: Final = 60  # more of a value than this in an error message helps nobody

_EXPECTED: Final = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


class Invalid(ValueError):
    """A body that is refused.

    Attributes:
        errors: every mistake, in the shape of a 400.
        words: the same in one line.
    """

    def __init__(self, errors: JsonObject) -> None:
        self.errors = errors
        self.words = "; ".join(lines(errors))
        super().__init__(self.words)


def invalid(field: str, message: str) -> Invalid:
    """One mistake in one field."""
    return Invalid({field: [message]})


def shown(value: object) -> str:
    """A value as an error message shows it: JSON, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text.encode("utf-8", "backslashreplace").decode()
    return f"`{text[:_SHOWN_CHARACTERS_MAX]}{'…' if len(text) > _SHOWN_CHARACTERS_MAX else ''}`"


def unknown_key(key: str, known: Sequence[str]) -> str:
    """What to say about a key that is not known: with the key probably meant, where one is close."""
    close = get_close_matches(key, known, 1, cutoff=0.7)
    return f"unknown key {shown(key)}" + (f"; did you mean `{close[0]}`?" if close else "")


def rendered(error: ValidationError, model: type[BaseModel], body: Json) -> JsonObject:
    """All mistakes that pydantic found in `body`, read as a `model`, in the shape of a 400."""
    root: JsonObject = {}
    for detail in error.errors(include_url=False):
        _place(root, model, body, detail)
    return root


def lines(node: Json, path: str = "") -> list[str]:
    """The mistakes of a 400, each in one line with the path of its field."""
    if isinstance(node, dict):
        found: list[str] = []
        for key, inner in node.items():
            found += lines(inner, path if key == NON_FIELD else f"{path}.{key}" if path else key)
        return found
    if isinstance(node, list):
        found = []
        for index, inner in enumerate(node):
            if isinstance(inner, str):
                found.append(f"{path}: {inner}" if path else inner)
            else:
                found += lines(inner, f"{path}[{index}]")
        return found
    return [str(node)]


def _place(root: JsonObject, model: type[BaseModel], body: Json, detail: ErrorDetails) -> None:
    location = detail["loc"]
    node: Any = root
    kind: Any = model
    value: Any = body
    for depth, part in enumerate(location):
        outer, kind = kind, _inner(kind, part)
        value = _item(value, part)
        key: Any = part if isinstance(node, list) else str(part)
        last = depth == len(location) - 1
        if last:
            unknown = detail["type"] == "extra_forbidden" and isinstance(outer, type) and issubclass(outer, BaseModel)
            message = unknown_key(str(part), _keys(outer)) if unknown else _words(detail)
            own = _is_model(kind) and (detail["type"] == "value_error" or isinstance(node, list))
            _append(node, key, [NON_FIELD] if own else [], message)
            return
        node = _descend(node, key, _new_node(kind, value))
    _append(root, NON_FIELD, [], _words(detail))


def _new_node(kind: Any, value: Any) -> Any:
    """What holds the mistakes inside a field: one entry per item for a list of objects, else an object."""
    if get_origin(kind) is list and _is_model(_plain(get_args(kind)[0])) and isinstance(value, list):
        return [{} for _ in value]
    return {}


def _descend(node: Any, key: Any, fresh: Any) -> Any:
    if isinstance(node, list):
        return node[key]
    held = node.setdefault(key, fresh)
    if isinstance(held, list) and not isinstance(fresh, list):  # words about the whole were there first
        held = node[key] = {NON_FIELD: held}
    return held


def _append(node: Any, key: Any, inner: list[str], message: str) -> None:
    for name in inner:
        node, key = _descend(node, key, {}), name
    held = node.get(key)
    if held is None:
        node[key] = [message]
    elif isinstance(held, dict):
        held.setdefault(NON_FIELD, []).append(message)
    elif message not in held:
        held.append(message)


def _item(value: Any, part: int | str) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def _plain(kind: Any) -> Any:
    """A type without its annotations and without ``None``."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, UnionType):
            others = [one for one in get_args(kind) if one is not type(None)]
            if len(others) != 1:
                return Any
            kind = others[0]
        else:
            return kind


def _inner(kind: Any, part: int | str) -> Any:
    if _is_model(kind):
        for name, field in kind.model_fields.items():
            if part in (field.alias, name):
                return _plain(field.annotation)
        return None
    arguments = get_args(kind)
    return _plain(arguments[-1]) if get_origin(kind) in (list, dict) and arguments else None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _words(detail: ErrorDetails) -> str:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "required, but absent"
    if kind == "string_unicode":
        return "expected text, but it holds characters that are no text (lone surrogates)"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}: {'null' if given is None else shown(given)}"
    if kind == "literal_error":
        return f"expected one of {context['expected']}: {shown(given)}"
    if kind == "string_too_short":
        return f"shorter than {context['min_length']} characters: {shown(given)}"
    if kind == "string_too_long":
        return f"longer than {context['max_length']} characters: {len(str(given))}"
    if kind == "too_long":
        return f"more than {context['max_length']} entries: {context['actual_length']}"
    if kind == "too_short":
        return f"fewer than {context['min_length']} entries: {context['actual_length']}"
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        return f"expected a number {detail['msg'].partition('should be ')[2]}: {shown(given)}"
    return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}: {shown(given)}"
