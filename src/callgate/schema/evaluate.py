"""The body of `POST /api/sip/evaluate`: an imagined INVITE."""

from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from callgate.entities.json import Json
from callgate.schema.body import Body, read
from callgate.schema.errors import shown

_URI_CHARACTERS_MAX = 1_000


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"not an IP address such as `203.0.113.7`: {shown(text)}") from None


_Uri = Annotated[str, Field(min_length=1, max_length=_URI_CHARACTERS_MAX)]


class ImaginedAttempt(Body):
    """An INVITE as a person would say it; URIs may be given as the user alone."""

    source_address: Annotated[str, AfterValidator(_address)]
    to_uri: _Uri
    request_uri: _Uri | None = None
    from_uri: _Uri | None = None
    from_display_name: str | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    caller_username: str | None = None
    headers: dict[str, str] | None = None
    sdp: str | None = None


class EvaluateBody(Body):
    """An imagined INVITE, against the rules in force or with a draft PATCH."""

    attempt: ImaginedAttempt
    patch: dict[str, Any] | None = None
    ask_handler: bool = False


def validate_evaluate(body: Json) -> EvaluateBody:
    """The body, without its `patch`, which is validated like any other.

    Raises:
        Invalid: with every mistake.
    """
    return read(EvaluateBody, body)
