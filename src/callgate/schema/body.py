"""What every request body has in common: strict types, camelCase, no unknown keys, read-only fields ignored."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Protocol, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from callgate.entities.json import Json, JsonObject
from callgate.schema.duration import PATTERN, seconds
from callgate.schema.errors import Invalid, rendered, shown

URL_CHARACTERS_MAX: Final = 2_000  # what the deployment's guard takes
BOUNDS: Final = "x-bounds"
"""Under which name the served document tells the bounds of a duration, for which JSON schema has no keyword."""


class CheckUrl(Protocol):
    """The deployment's guard of URLs."""

    def __call__(self, url: str, *, websocket: bool = False) -> str | None:
        """Why a URL may not be used, in words; ``None`` when it may."""
        ...


HasTool = Callable[[str], bool]
"""Whether an account may select the tool of this id."""


class Body(BaseModel):
    """A request body, or an object in one."""

    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel, protected_namespaces=())

    read_only: ClassVar[frozenset[str]] = frozenset()
    """Keys of a response that may come back and are ignored."""
    null_is_absent: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {field.alias for field in cls.model_fields.values()} if cls.null_is_absent else frozenset()
        return {
            key: item for key, item in value.items() if key not in cls.read_only and not (item is None and key in known)
        }

    def given(self) -> JsonObject:
        """Only what was given, as public JSON."""
        return self.model_dump(by_alias=True, exclude_unset=True)


B = TypeVar("B", bound=Body)


def read(model: type[B], body: Json, context: dict[str, Any] | None = None) -> B:
    """`body` as a `model`.

    Raises:
        Invalid: with every mistake.
    """
    try:
        return model.model_validate(body, context=context)
    except ValidationError as error:
        raise Invalid(rendered(error, model, body)) from None
    except RecursionError:
        raise Invalid({"non_field_errors": ["nested too deeply"]}) from None


@dataclass(frozen=True, slots=True)
class _Bounded:
    """An annotation that pydantic asks for the check and for what the served document tells of it."""

    lowest_s: float
    highest_s: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": PATTERN, BOUNDS: self._words}

    @property
    def _words(self) -> str:
        return f"{self.lowest_s:.15g}s to {self.highest_s:.15g}s"

    def _check(self, text: str) -> str:
        if not self.lowest_s <= seconds(text) <= self.highest_s:
            raise ValueError(f"expected a duration from {self._words}: {shown(text)}")
        return text


def bounded(lowest_s: float, highest_s: float) -> _Bounded:
    """What annotates a text as a duration within bounds, in seconds."""
    return _Bounded(lowest_s, highest_s)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError(f"not a UUID: {shown(text)}") from None


def _own_agent(agent_id: str, info: ValidationInfo) -> str:
    agents: Collection[str] = (info.context or {}).get("agents", ())
    if agent_id not in agents:
        raise ValueError(f"no agent of this account: `{agent_id}`")
    return agent_id


def _url(text: str, info: ValidationInfo) -> str:
    """Check a URL that an account sets with the deployment's own guard, where the context brings it."""
    return _guarded(text, info, websocket=False)


def _websocket_url(text: str, info: ValidationInfo) -> str:
    return _guarded(text, info, websocket=True)


def _guarded(text: str, info: ValidationInfo, *, websocket: bool) -> str:
    check = (info.context or {}).get("check_url")
    reason = check(text, websocket=websocket) if check is not None else None
    if reason is not None:
        raise ValueError(f"not a URL that can be used: {reason}")
    return text


Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
UuidText = Annotated[str, AfterValidator(_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
OwnAgentId = Annotated[UuidText, AfterValidator(_own_agent)]
"""Of a living agent of the account; the context brings their ids as ``agents``."""
_URL = WithJsonSchema({"type": "string", "format": "uri", "maxLength": URL_CHARACTERS_MAX})
GuardedUrl = Annotated[str, AfterValidator(_url), _URL]
GuardedWebSocketUrl = Annotated[str, AfterValidator(_websocket_url), _URL]
