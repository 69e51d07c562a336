"""The variables of one call: from SIP headers, from SIP itself and from the handler that asked for the call."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

from callgate.core.templates.context_schema import ContextSchema, context_schema
from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.json import Json, JsonObject

__all__ = ["CallContext", "TemplateUnfit", "build_context"]

# Says whom our own proxy speaks for; passed on to nobody.
_SOURCE_HEADER: Final = "x-callgate-source"

# What comes from SIP by our own hand stands under this name, and nobody else may write there.
_RESERVED: Final = "ultravox"


@dataclass(frozen=True, slots=True)
class CallContext:
    """The variables of one call.

    Attributes:
        context: by name; adheres to the agent's schema. The `requestContext` of the call.
        texts: how a variable from a header was written, for those that were read as JSON; rendered so.
        metadata: ``ultravox.sip.caller_id`` and so on, flat; to be added to the call's metadata.
    """

    context: JsonObject
    texts: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def build_context(
    *,
    headers: Sequence[tuple[str, str]],
    caller_id: str | None,
    from_display_name: str | None,
    from_uri: str | None,
    template_context: JsonObject | None = None,
    schema: JsonObject | None = None,
    sip_headers_win: bool = False,
) -> CallContext:
    """Put the variables of a call together.

    Args:
        headers: of the INVITE; the ``X-`` ones count.
        caller_id: who calls; ``None`` when anonymous.
        from_display_name: as SIP says it; ``None`` when absent.
        from_uri: likewise.
        template_context: what the handler or the API gave. Its ``ultravox`` is ignored: that is SIP's to say.
        schema: the agent's `contextSchema`. What comes from SIP and has no place in it is left out.
        sip_headers_win: whether a header wins over `template_context`.

    Raises:
        TemplateUnfit: the variables do not adhere to the schema, or the schema is none.
    """
    compiled = context_schema(schema) if schema is not None else None
    given = {name: value for name, value in (template_context or {}).items() if name != _RESERVED}
    context: JsonObject = dict(given)
    texts: dict[str, str] = {}
    for name, text in _header_variables(headers).items():
        if (name in given and not sip_headers_win) or (compiled is not None and not compiled.permits((name,))):
            continue
        value = _read(text)
        if compiled is not None and not isinstance(value, str) and not compiled.fits(name, value):
            # `X-Account: 0815` and `X-Account: 815` are the same to whoever declared a string.
            value = text if compiled.fits(name, text) else value
        context[name] = value
        if value != text:  # numbers, objects, and strings written with their quotes
            texts[name] = text
    sip: dict[str, str] = {
        name: value
        for name, value in (
            ("caller_id", caller_id),
            ("from_display_name", from_display_name),
            ("from_uri", from_uri),
        )
        if value is not None
    }
    permitted: JsonObject = {name: value for name, value in sip.items() if _permits_sip(compiled, name)}
    if permitted:
        context[_RESERVED] = {"sip": permitted}
    if compiled is not None:
        compiled.check(context)
    return CallContext(context, texts, {f"{_RESERVED}.sip.{name}": value for name, value in sip.items()})


def _permits_sip(schema: ContextSchema | None, name: str) -> bool:
    return schema is None or schema.permits((_RESERVED, "sip", name))


def _header_variables(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """``X-Foo-Bar: v`` as ``foo_bar``; several headers of a name are joined as SIP joins them."""
    values: dict[str, list[str]] = {}
    for header, value in headers:
        lower = header.lower()
        if lower.startswith("x-") and len(lower) > 2 and lower != _SOURCE_HEADER:
            values.setdefault(lower[2:].replace("-", "_"), []).append(value)
    values.pop(_RESERVED, None)
    return {name: ", ".join(several) for name, several in values.items()}


class _NotJson(ValueError):
    """Python's reader takes more than JSON is."""


def _refuse_constant(text: str) -> NoReturn:
    raise _NotJson(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotJson(text)
    return number


def _read(text: str) -> Json:
    """A header's value as JSON where it is JSON, else the text itself."""
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is JSON, but no text
    except (ValueError, RecursionError):
        return text
    return value
