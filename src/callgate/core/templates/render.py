"""Mustache in an agent's call template: variables and sections over plain JSON, and nothing else.

chevron reads the templates; they are rendered here, because its renderer follows attributes of Python objects, opens
files for partials, calls lambdas and escapes HTML, none of which belongs into what an agent says. Nothing is escaped.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from chevron.tokenizer import ChevronError, tokenize

from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.json import Json, JsonObject

__all__ = ["TemplateUnfit", "check_template", "render_template", "render_text"]

# A list inside a list inside a list multiplies. The longest prompts in use are a tenth of this.
_RENDERED_CHARACTERS_MAX: Final = 1_000_000
_NODES_VISITED_MAX: Final = 100_000

# Deeper templates are a mistake, and each level costs a level of Python's stack.
_SECTION_DEPTH_MAX: Final = 50

_TEXT_FIELDS: Final = ("systemPrompt", "languageHint", "timeExceededMessage")


@dataclass(frozen=True, slots=True)
class _Literal:
    text: str


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    inverted: bool
    nodes: "tuple[_Node, ...]"


_Node = _Literal | _Variable | _Section


def render_template(
    call_template: JsonObject, context: JsonObject, texts: Mapping[str, str] | None = None
) -> JsonObject:
    """A call template with the variables of one call filled in.

    Rendered are `systemPrompt`, `languageHint`, `timeExceededMessage`, the messages of `inactivityMessages`, and of
    `selectedTools` the descriptions, static parameters, parameter overrides and authentication values.

    Args:
        call_template: public JSON; not changed. What holds no template is shared with the result.
        context: the variables.
        texts: how a top-level variable is written where that differs from its value as JSON.

    Raises:
        TemplateUnfit: a template is broken, or grows beyond all bounds.
    """
    texts = texts or {}
    rendered = dict(call_template)
    for field in _TEXT_FIELDS:
        value = rendered.get(field)
        if isinstance(value, str):
            rendered[field] = _render_field(field, value, context, texts)
    messages = rendered.get("inactivityMessages")
    if isinstance(messages, list):
        rendered["inactivityMessages"] = [
            _with_rendered(message, ("message",), f"inactivityMessages[{index}]", context, texts)
            for index, message in enumerate(messages)
        ]
    tools = rendered.get("selectedTools")
    if isinstance(tools, list):
        rendered["selectedTools"] = [
            _render_tool(tool, f"selectedTools[{index}]", context, texts) for index, tool in enumerate(tools)
        ]
    return rendered


def render_text(template: str, context: JsonObject, texts: Mapping[str, str] | None = None) -> str:
    """One mustache template rendered.

    Raises:
        TemplateUnfit: it is broken, or grows beyond all bounds.
    """
    if "{{" not in template:
        return template
    return _Rendering(context, texts or {}).run(_parse(template))


def check_template(template: str) -> str | None:
    """Why a template is broken, in words; ``None`` when it is fine."""
    if "{{" in template:
        try:
            _parse(template)
        except TemplateUnfit as error:
            return str(error)
    return None


# ------------------------------------------------------------------------------------------------------------- fields


def _render_field(place: str, template: str, context: JsonObject, texts: Mapping[str, str]) -> str:
    try:
        return render_text(template, context, texts)
    except TemplateUnfit as error:
        raise TemplateUnfit(f"{place}: {error}") from None


def _with_rendered(
    value: Json, fields: Sequence[str], place: str, context: JsonObject, texts: Mapping[str, str]
) -> Json:
    if not isinstance(value, dict):
        return value
    result = dict(value)
    for field in fields:
        text = result.get(field)
        if isinstance(text, str):
            result[field] = _render_field(f"{place}.{field}", text, context, texts)
    return result


def _render_tool(tool: Json, place: str, context: JsonObject, texts: Mapping[str, str]) -> Json:
    tool = _with_rendered(tool, ("description", "descriptionOverride"), place, context, texts)
    if not isinstance(tool, dict):
        return tool
    for field in ("parameterOverrides", "authTokens"):
        values = tool.get(field)
        if isinstance(values, dict):
            tool[field] = _with_rendered(values, tuple(values), f"{place}.{field}", context, texts)
    parameters = tool.get("staticParameters")
    if isinstance(parameters, list):
        tool["staticParameters"] = [
            _with_rendered(parameter, ("value",), f"{place}.staticParameters[{index}]", context, texts)
            for index, parameter in enumerate(parameters)
        ]
    http = tool.get("http")
    if isinstance(http, dict):
        http = dict(http)
        for field in ("authHeaders", "authQueryParams"):
            entries = http.get(field)
            if isinstance(entries, list):
                http[field] = [
                    _with_rendered(entry, ("value",), f"{place}.http.{field}[{index}]", context, texts)
                    for index, entry in enumerate(entries)
                ]
        tool["http"] = http
    inner = tool.get("temporaryTool")
    if isinstance(inner, dict):
        tool["temporaryTool"] = _render_tool(inner, f"{place}.temporaryTool", context, texts)
    return tool


# ------------------------------------------------------------------------------------------------------------ reading


@lru_cache(maxsize=512)  # a template is read once and rendered for every call; at 20 kB each about 20 MB
def _parse(template: str) -> tuple[_Node, ...]:
    stack: list[tuple[str, bool, list[_Node]]] = [("", False, [])]
    try:
        for kind, name in tokenize(template):
            nodes = stack[-1][2]
            if kind == "literal":
                nodes.append(_Literal(name))
            elif kind in ("variable", "no escape"):
                if not name:
                    raise TemplateUnfit("a tag without a name: `{{}}`")
                nodes.append(_Variable(name))
            elif kind in ("section", "inverted section"):
                if len(stack) > _SECTION_DEPTH_MAX:
                    raise TemplateUnfit(f"sections nested deeper than {_SECTION_DEPTH_MAX}: `{name}`")
                stack.append((name, kind == "inverted section", []))
            elif kind == "end":
                section, inverted, inside = stack.pop()
                stack[-1][2].append(_Section(section, inverted, tuple(inside)))
            elif kind == "partial":
                raise TemplateUnfit(f"partials are not offered: `{{{{> {name}}}}}`")
            # Comments and changes of delimiter leave nothing behind.
    except ChevronError as error:
        raise TemplateUnfit(" ".join(str(error).split()).lower()) from None
    except TemplateUnfit:
        raise
    except (IndexError, ValueError):  # chevron trips over an empty tag and over odd delimiters
        raise TemplateUnfit("a tag without a name, or broken delimiters") from None
    return tuple(stack[0][2])


# ---------------------------------------------------------------------------------------------------------- rendering


class _Rendering:
    """One template over one context."""

    def __init__(self, context: JsonObject, texts: Mapping[str, str]) -> None:
        self._context = context
        self._texts = texts
        self._output: list[str] = []
        self._characters_left = _RENDERED_CHARACTERS_MAX
        self._nodes_left = _NODES_VISITED_MAX

    def run(self, nodes: tuple[_Node, ...]) -> str:
        self._render(nodes, (self._context,))
        return "".join(self._output)

    def _render(self, nodes: tuple[_Node, ...], scopes: tuple[Json, ...]) -> None:
        self._nodes_left -= len(nodes) + 1
        if self._nodes_left < 0:
            raise TemplateUnfit(f"its sections repeat more than {_NODES_VISITED_MAX} times")
        for node in nodes:
            if isinstance(node, _Literal):
                self._write(node.text)
            elif isinstance(node, _Variable):
                value, at_root = self._find(node.name, scopes)
                self._write(self._texts[node.name] if at_root and node.name in self._texts else _as_text(value))
            else:
                value, _ = self._find(node.name, scopes)
                if node.inverted:
                    if not value:
                        self._render(node.nodes, scopes)
                elif isinstance(value, list):
                    for item in value:
                        self._render(node.nodes, (item, *scopes))
                elif value:
                    self._render(node.nodes, (value, *scopes))

    def _write(self, text: str) -> None:
        self._characters_left -= len(text)
        if self._characters_left < 0:
            raise TemplateUnfit(f"it renders to more than {_RENDERED_CHARACTERS_MAX} characters")
        self._output.append(text)

    def _find(self, name: str, scopes: tuple[Json, ...]) -> tuple[Json, bool]:
        """The value of a name and whether it is a variable of the call itself; ``None`` for what is not there."""
        if name == ".":
            return scopes[0], False
        first, *rest = name.split(".")
        for depth, scope in enumerate(scopes):
            if isinstance(scope, dict) and first in scope:
                value = scope[first]
                for part in rest:
                    value = value.get(part) if isinstance(value, dict) else None
                return value, depth == len(scopes) - 1 and not rest
        return None, False


def _as_text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
