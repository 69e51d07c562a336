"""The HTTP request that using a tool takes, made from its definition and what the model wrote. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from callgate.brains.tools.definition import Parameter, Place, Tool
from callgate.entities.json import Json, JsonObject

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2 (Tokens)
# What frames a message or names its server is ours to say.
_OUR_HEADERS: Final = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "expect")
)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class ArgumentsUnfit(Exception):
    """What the model wrote does not fit; its words are for the model."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A request, ready to be sent.

    Attributes:
        method: of HTTP.
        url: with its query.
        headers: of it.
        body: JSON; empty: none.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


def read_arguments(text: str) -> JsonObject:
    """What a model wrote as a tool's arguments.

    Raises:
        ArgumentsUnfit: no JSON object.
    """
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ArgumentsUnfit("the arguments are not a JSON object")
    return found


def chosen(tool: Tool, arguments: JsonObject) -> JsonObject:
    """Of what a model wrote, what the tool takes.

    Raises:
        ArgumentsUnfit: something is missing.
    """
    missing = [one.name for one in tool.dynamic if one.required and one.name not in arguments]
    if missing:
        raise ArgumentsUnfit(f"missing: {', '.join(missing)}")
    return {one.name: arguments[one.name] for one in tool.dynamic if one.name in arguments}


def request_of(tool: Tool, arguments: JsonObject, known: Callable[[str], Json]) -> ToolRequest:
    """The request for a use of a tool.

    Args:
        tool: an ``http`` one.
        arguments: what the model wrote, `chosen`.
        known: the value of a ``KNOWN_PARAM_…``; ``None``: there is none, and nothing is sent.

    Raises:
        ArgumentsUnfit: a value cannot stand where it belongs.
    """
    values = [(one, arguments[one.name]) for one in tool.dynamic if one.name in arguments]
    values += [(one, known(one.known) if one.known else one.value) for one in tool.fixed]
    values = [(one, value) for one, value in values if value is not None]
    query = [(one.name, _plain(value)) for one, value in values if one.place is Place.QUERY]
    query += [(one.name, one.value) for one in tool.credentials if one.in_query]
    headers = {one.name: _header(one, value) for one, value in values if one.place is Place.HEADER}
    for credential in tool.credentials:
        if not credential.in_query:
            headers[credential.name] = credential.value
    body: JsonObject = {one.name: value for one, value in values if one.place is Place.BODY}
    content = b""
    if body or tool.method in ("POST", "PUT", "PATCH"):
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        headers["Content-Type"] = "application/json"
    return ToolRequest(tool.method, _url(tool, values, query), headers, content)


def _url(tool: Tool, values: list[tuple[Parameter, Json]], query: list[tuple[str, str]]) -> str:
    in_path = {one.name: quote(_plain(value), safe="") for one, value in values if one.place is Place.PATH}
    for name, value in in_path.items():
        if value in (".", ".."):  # would climb out of the path that the owner wrote
            raise ArgumentsUnfit(f"{name} may not be {value!r}")

    def filled(match: re.Match[str]) -> str:
        if match[1] not in in_path:
            raise ArgumentsUnfit(f"missing: {match[1]}")
        return in_path[match[1]]

    parts = urlsplit(tool.url_pattern)
    path = _PLACEHOLDER.sub(filled, parts.path)
    given = _PLACEHOLDER.sub(filled, parts.query)
    written = "&".join(text for text in (given, urlencode(query)) if text)
    return urlunsplit((parts.scheme, parts.netloc, path, written, ""))


def _header(parameter: Parameter, value: Json) -> str:
    if not _HEADER_NAME.fullmatch(parameter.name) or parameter.name.lower() in _OUR_HEADERS:
        raise ArgumentsUnfit(f"{parameter.name!r} cannot be sent as a header")
    text = _plain(value)
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in text):
        raise ArgumentsUnfit(f"{parameter.name} holds control characters; expected one line of text")
    return text


def _plain(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()  # JSON may hold half a surrogate pair
