"""API keys as the API takes and shows them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from callgate.entities.account import ApiKey
from callgate.entities.json import Json, JsonObject
from callgate.schema.body import Body, read
from callgate.schema.call import timestamp
from callgate.schema.errors import shown

NAME_CHARACTERS_MAX: Final = 50  # the public limit

_TOLD: Final = frozenset(("prefix", "created", "creator", "secret", "lastUsed"))


def _to_come(text: str, info: ValidationInfo) -> str:
    at = _time(text)
    if at is None:
        raise ValueError(f"expected a time such as `2027-01-01T00:00:00Z`: {shown(text)}")
    now: datetime | None = (info.context or {}).get("now")
    if now is not None and at <= now:
        raise ValueError(f"expected a time to come: {shown(text)}")
    return text


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_ToCome = Annotated[str, AfterValidator(_to_come), WithJsonSchema({"type": "string", "format": "date-time"})]


class ApiKeyBody(Body):
    """A key as it is made."""

    read_only: ClassVar[frozenset[str]] = _TOLD | {"revoked"}

    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
    expiry_date: _ToCome | None = None
    reads_only: Annotated[bool, Field(alias="readOnly")] = False


class ApiKeyPatch(Body):
    """A key as a PUT or a PATCH changes it."""

    read_only: ClassVar[frozenset[str]] = _TOLD | {"name", "expiryDate", "readOnly"}

    revoked: bool | None = None


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What a body asks for.

    Attributes:
        name: for people.
        expires: from when on it is good for nothing, UTC; ``None``: never.
        read_only: whether it may only look.
    """

    name: str
    expires: datetime | None
    read_only: bool


def wanted_key(body: Json, *, now: datetime) -> WantedKey:
    """The key that a body asks for.

    Raises:
        Invalid: with every mistake.
    """
    given = read(ApiKeyBody, body, {"now": now})
    expires = None if given.expiry_date is None else _time(given.expiry_date)
    return WantedKey(given.name, expires, given.reads_only)


def wants_revoked(body: Json) -> bool | None:
    """Whether a body says that a key is revoked, or is not; ``None``: it says nothing of it.

    Raises:
        Invalid: with every mistake.
    """
    return read(ApiKeyPatch, body).revoked


def render_api_key(key: ApiKey) -> JsonObject:
    """The public APIKey, with `readOnly` and `lastUsed`, which are ours."""
    return {
        "prefix": key.prefix,
        "created": timestamp(key.created),
        "creator": key.creator,
        "name": key.name,
        "expiryDate": timestamp(key.expires),
        "revoked": key.revoked,
        "readOnly": key.read_only,
        "lastUsed": timestamp(key.last_used),
    }
