"""`/api/sip/shadow`: a draft beside the rules in force, as the API takes and shows it."""

from datetime import datetime
from typing import Annotated, Any, Final

from callgate.core.admission.moves import agent_changes, in_order
from callgate.entities.json import Json, JsonObject
from callgate.entities.shadow import Difference, ShadowTally, SipShadow
from callgate.entities.sip_config import SipConfig
from callgate.schema.body import Body, bounded, read
from callgate.schema.call import timestamp
from callgate.schema.rehearsal import Names, render_agents, render_destination
from callgate.schema.sip_config import apply_patch, validate_patch

# Long enough for a fortnight's pattern of calls; decision records are kept a month.
SHADOW_S_MAX: Final = 14 * 86_400.0
_SHADOW_S_MIN: Final = 1.0


class ShadowBody(Body):
    """A draft PATCH, and how long it is to be watched."""

    patch: dict[str, Any]
    duration: Annotated[str, bounded(_SHADOW_S_MIN, SHADOW_S_MAX)] = "86400s"


def validate_shadow(body: Json) -> ShadowBody:
    """The body, without its `patch`, which is validated like any other.

    Raises:
        Invalid: with every mistake.
    """
    return read(ShadowBody, body)


def shadowed(config: SipConfig, shadow: SipShadow) -> SipConfig:
    """The rules that a shadow would make of those in force; an agent that is gone since is named and never reached."""
    allowances: Any = shadow.changes.get("allowedAgents", [])
    patch = validate_patch(shadow.changes, agents=frozenset(one["agentId"] for one in allowances))
    return apply_patch(config, patch, lambda: "")


def render_shadow(
    shadow: SipShadow, tally: ShadowTally, *, live_version: int, now: datetime, names: Names
) -> JsonObject:
    """A shadow, and what it has seen; the secrets of its handler are not shown."""
    patch = dict(shadow.changes)
    handler = patch.get("fallbackHandler")
    if isinstance(handler, dict):
        patch["fallbackHandler"] = {"url": handler["url"]}
    return {
        "shadowId": shadow.shadow_id,
        "created": timestamp(shadow.created),
        "createdBy": shadow.created_by,
        "until": timestamp(shadow.until),
        "state": "watching" if now < shadow.until else "over",
        "baseVersion": shadow.base_version,
        "configVersion": live_version,
        "patch": patch,
        "attempts": tally.attempts,
        "changed": tally.changed,
        "leftOut": tally.left_out,
        "moves": [
            {"from": render_destination(went, names), "to": render_destination(would_go, names), "count": count}
            for (went, would_go), count in in_order(tally.moves)
        ],
        "agents": render_agents(agent_changes(tally.moves), names),
        "differences": [_difference(one, names) for one in tally.last],
    }


def _difference(one: Difference, names: Names) -> JsonObject:
    return {
        "decisionId": one.decision_id or None,
        "at": timestamp(one.at),
        "sourceAddress": one.source_address,
        "toUri": one.to_uri,
        "requestUri": one.request_uri,
        "from": render_destination(one.went, names),
        "to": render_destination(one.would_go, names),
    }
