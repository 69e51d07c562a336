"""Call throttles as the API takes and shows them."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from callgate.entities.json import Json, JsonObject
from callgate.entities.throttle import CallThrottle, ThrottleRule
from callgate.schema.body import Body, read
from callgate.schema.call import timestamp

NAME_CHARACTERS_MAX: Final = 64  # this and the next two are the public limits
CALLS_MAX: Final = 100
WINDOW_S_MAX: Final = 86_400
RULES_MAX: Final = 10  # a second, a minute, an hour, a day …; each is one more look at the last calls

_Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]


class RuleBody(Body):
    """One rule."""

    max_calls: Annotated[int, Field(ge=1, le=CALLS_MAX)]
    window_seconds: Annotated[int, Field(ge=1, le=WINDOW_S_MAX)]


_Rules = Annotated[list[RuleBody], Field(min_length=1, max_length=RULES_MAX)]


class CallThrottlePatch(Body):
    """A throttle as a PATCH changes it: only what it names."""

    read_only: ClassVar[frozenset[str]] = frozenset(("throttleId", "created"))
    null_is_absent: ClassVar[bool] = False

    name: _Name = ""
    rules: _Rules = []


class CallThrottleBody(CallThrottlePatch):
    """A throttle as it is made or replaced."""

    name: _Name
    rules: _Rules


def wanted_throttle(body: Json, *, partial: bool = False) -> tuple[str | None, tuple[ThrottleRule, ...] | None]:
    """The name and the rules that a body gives; ``None`` for what it leaves out, which only a PATCH may.

    Raises:
        Invalid: with every mistake.
    """
    given = read(CallThrottlePatch if partial else CallThrottleBody, body)
    rules = tuple(ThrottleRule(rule.max_calls, rule.window_seconds) for rule in given.rules)
    has = given.model_fields_set
    return given.name if "name" in has else None, rules if "rules" in has else None


def render_throttle(throttle: CallThrottle) -> JsonObject:
    """The public CallThrottle."""
    return {
        "throttleId": throttle.throttle_id,
        "name": throttle.name,
        "created": timestamp(throttle.created),
        "rules": [{"maxCalls": rule.calls_max, "windowSeconds": rule.window_s} for rule in throttle.rules],
    }
