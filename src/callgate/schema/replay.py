"""`POST /api/sip/replay`: its body, and a replay as the API shows it."""

from datetime import datetime
from typing import Any

from callgate.core.admission.replay import ReplayResult
from callgate.entities.json import Json, JsonObject
from callgate.schema.body import Body, read
from callgate.schema.call import timestamp
from callgate.schema.rehearsal import Names, render_result


class ReplayBody(Body):
    """A draft PATCH, and the span of the records it is tried on."""

    patch: dict[str, Any]
    from_date: str | None = None
    to_date: str | None = None


def validate_replay(body: Json) -> ReplayBody:
    """The body, without its `patch`, which is validated like any other.

    Raises:
        Invalid: with every mistake.
    """
    return read(ReplayBody, body)


def render_replay(
    *,
    job_id: str,
    began: datetime,
    config_version: int,
    records: int,
    total: int,
    result: ReplayResult | None,
    failed: str,
    names: Names,
) -> JsonObject:
    """A replay, running or over."""
    state = "failed" if failed else "running" if result is None else "done"
    return {
        "jobId": job_id,
        "state": state,
        "began": timestamp(began),
        "configVersion": config_version,
        "progress": {"records": records, "total": total},
        "result": None if result is None else render_result(result, names),
        "error": failed or None,
    }
