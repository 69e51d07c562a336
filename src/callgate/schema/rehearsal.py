"""What the API shows of drafts that are tried: where calls would go, in numbers, examples and words."""

from collections.abc import Mapping

from callgate.core.admission.moves import AgentChange
from callgate.core.admission.replay import Example, Move, ReplayResult
from callgate.entities.destination import AGENT, HANDLER, IGNORED, SOURCE_ADMITTED, Destination
from callgate.entities.json import Json, JsonObject
from callgate.entities.outcomes import OUTCOMES
from callgate.schema.call import timestamp

Names = Mapping[str, str]
"""Names of agents, by id; of one that is gone there is none."""

_WORDS = {
    HANDLER: "asks the fallback handler",
    IGNORED: "is not answered: the source is noise",
    SOURCE_ADMITTED: "is let in by its source; whom each of the folded attempts dialled is not kept",
}
_KINDS = {SOURCE_ADMITTED: "sourceAdmitted"}


def render_destination(destination: Destination, names: Names) -> JsonObject:
    """Where a call goes."""
    kind, name = destination
    shown: JsonObject = {"kind": _KINDS.get(kind, kind)}
    if kind == AGENT:
        shown |= {"agentId": name, "agentName": names.get(name), "words": f"goes to agent `{names.get(name, name)}`"}
    elif kind in _WORDS:
        shown["words"] = _WORDS[kind]
    else:
        row = OUTCOMES.get(name)
        shown |= {"outcome": name, "words": "is refused" + (f": {row.words}" if row is not None else "")}
    return shown


def render_result(result: ReplayResult, names: Names) -> JsonObject:
    """What a replay found."""
    return {
        "records": result.records,
        "attempts": result.attempts,
        "same": result.same,
        "changed": result.changed,
        "leftOut": dict(result.left_out),
        "moves": [_move(move, names) for move in result.moves],
        "furtherMoves": result.further,
        "agents": render_agents(result.agents, names),
        "summary": _summary(result),
    }


def render_agents(changes: tuple[AgentChange, ...], names: Names) -> list[Json]:
    """Who gains and who loses."""
    return [
        {
            "agentId": change.agent_id,
            "agentName": names.get(change.agent_id),
            "gains": change.gains,
            "loses": change.loses,
        }
        for change in changes
    ]


def render_example(example: Example) -> JsonObject:
    """One record that shows a move."""
    return {
        "decisionId": example.decision_id,
        "at": timestamp(example.at),
        "sourceAddress": example.source_address,
        "toUri": example.to_uri,
        "requestUri": example.request_uri,
        "count": example.count,
    }


def _move(move: Move, names: Names) -> JsonObject:
    return {
        "from": render_destination(move.went, names),
        "to": render_destination(move.would_go, names),
        "count": move.count,
        "liveToo": move.live_too,
        "examples": [render_example(example) for example in move.examples],
    }


def _summary(result: ReplayResult) -> str:
    compared = result.same + result.changed
    words = f"{result.changed} of {compared} attempts would have gone elsewhere"
    live_too = sum(move.live_too for move in result.moves)
    if live_too:
        words += f"; {live_too} of these the rules in force send there too, so the draft is not the cause"
    left_out = sum(result.left_out.values())
    if left_out:
        words += f"; {left_out} were refused for want of room or for their rate and are not compared"
    return words
