"""Two accounts, both with some of everything: whatever of B's stands in a request of A's, it is as if it did not exist.

The routes are those of the served document. A route that is added needs a word here: what its ids name and which bodies
it takes; without one the test fails.
"""

import base64
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from callgate.app.voices import offered_voices
from callgate.core.dialects.stream_ids import call_sid
from callgate.entities.call import CallEvent, CallStage, Message, ToolUse
from callgate.entities.json import JsonObject
from callgate.entities.sip_log import SipLog
from callgate.media.recording import recording_path
from callgate.media.wave_file import header
from tests.store.facts import START, a_call, a_record, an_event
from tests.web.conftest import KEY, Answer, Api

MARK = "BEE"
KEY_OF_B = "beebeebe." + "b" * 32
CLIENT: dict[str, Any] = {"medium": {"serverWebSocket": {"inputSampleRate": 8_000}}}
RULES = [{"maxCalls": 50, "windowSeconds": 1}]
TOOL: dict[str, Any] = {"client": {}}
VERSIONS_OF_A, VERSIONS_OF_B = 3, 5
SOURCE_OF_A = f"192.0.2.{VERSIONS_OF_A}"

# What an id in a path names of an account's.
IN_PATHS: dict[str, str] = {
    "agent_id": "agent",
    "call_id": "call",
    "call_stage_id": "stage",
    "decision_id": "decision",
    "delivery_id": "delivery",
    "job_id": "job",
    "number": "version",
    "api_key_prefix": "key",
    "throttle_id": "throttle",
    "tool_id": "tool",
    "webhook_id": "webhook",
}
# What is the same for everybody.
SHARED: dict[str, str] = {"call_stage_message_index": "0", "voice_id": offered_voices({})[0].voice_id}
# What a parameter of a query may hold of an account's.
IN_QUERIES: dict[str, tuple[str, ...]] = {
    "agentId": ("agent",),
    "agentIds": ("agent",),
    "callId": ("call",),
    "priorCallId": ("call",),
    "search": ("mark",),
    "sourceAddress": ("source",),
    "throttle": ("throttle", "throttle_name"),
}
HARMLESS_QUERIES = frozenset(
    (
        *("cursor", "pageSize", "verdict", "outcome", "fromDate", "toDate", "durationMin", "durationMax", "sort"),
        *("state", "mode", "minimum_severity", "type", "ownership", "sortOrder", "enableGreetingPrompt"),
        *(
            "metadata",
            "format",
            "lang",
            "primaryLanguage",
            "billingStyle",
            "provider",
            "timeOfDayStart",
            "timeOfDayEnd",
            "voiceId",
        ),
    )
)

# An id that no account has, of the same shape.
NOBODYS: dict[str, str] = {
    **dict.fromkeys(("agent", "call", "deleted_call", "stage", "decision", "delivery", "job"), ""),
    **dict.fromkeys(("throttle", "tool", "webhook"), ""),
    "version": "99",
    "key": "nobodys0",
    "mark": "nothing-is-called-so",
    "source": "198.51.100.99",
    "throttle_name": "nobodys",
    "tool_name": "nobodys",
}
NOBODYS = {kind: value or str(uuid4()) for kind, value in NOBODYS.items()}

Ids = dict[str, str]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    names: tuple[str, ...]
    queries: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def at(self, ids: Ids) -> str:
        values = {name: SHARED.get(name) or ids[self.kind_of(name)] for name in self.names}
        return self.path.format(**values)

    def kind_of(self, name: str) -> str:
        """What an id in the path names."""
        return "deleted_call" if self.path.startswith("/api/deleted_calls/") else IN_PATHS[name]


def tools_of(ids: Ids) -> list[dict[str, Any]]:
    return [{"toolId": ids["tool"]}]


def allowing(ids: Ids) -> dict[str, Any]:
    return {"allowedAgents": [{"agentId": ids["agent"], "toUserPattern": "x"}]}


def bodies(operation: Operation, ids: Ids) -> list[Any]:
    """What a changing request may carry; ids wherever one may stand."""
    prompt = {"systemPrompt": "hello", "selectedTools": tools_of(ids)}
    attempt = {"sourceAddress": SOURCE_OF_A, "toUri": f"agent_{ids['agent']}"}
    webhook = {"url": "https://a.example", "events": ["call.ended"], "agentId": ids["agent"]}
    known: dict[str, list[Any]] = {
        "POST /api/sip/evaluate": [{"attempt": attempt}, {"attempt": attempt, "patch": allowing(ids)}],
        "PATCH /api/sip": [allowing(ids)],
        "PATCH /api/sip/fallback": [{"agentOnFailure": ids["agent"]}],
        "POST /api/sip/fallback/test": [{"attempt": attempt}],
        "POST /api/sip/versions/{number}/restore": [None],
        "POST /api/sip/replay": [{"patch": allowing(ids)}],
        "PUT /api/sip/shadow": [{"patch": allowing(ids), "duration": "600s"}],
        "POST /api/sip/shadow/promote": [None],
        "POST /api/api_keys": [],
        "PATCH /api/api_keys/{api_key_prefix}": [{"revoked": True}],
        "PUT /api/api_keys/{api_key_prefix}": [{"revoked": True}],
        "POST /api/agents": [{"name": "x", "callTemplate": prompt}],
        "PATCH /api/agents/{agent_id}": [{"callTemplate": prompt}],
        "POST /api/agents/{agent_id}/calls": [{**CLIENT, "toolOverrides": {"add": tools_of(ids)}}],
        "POST /api/tools": [],
        "PUT /api/tools/{tool_id}": [{"name": "y", "definition": TOOL}],
        "POST /api/tools/{tool_id}/test": [{"parameters": {}}],
        "POST /api/webhooks": [webhook],
        "PUT /api/webhooks/{webhook_id}": [webhook],
        "PATCH /api/webhooks/{webhook_id}": [webhook, {"agentId": ids["agent"]}],
        "POST /api/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": [None],
        "POST /api/calls": [{**CLIENT, **prompt}],
        "POST /api/calls/{call_id}/send_data_message": [{"type": "hang_up"}],
        "POST /api/call_throttles": [],
        "PUT /api/call_throttles/{throttle_id}": [{"name": "y", "rules": RULES}],
        "PATCH /api/call_throttles/{throttle_id}": [{"name": "y"}],
    }
    if operation.method in ("GET", "DELETE"):
        return [None]
    assert operation.name in known, f"{operation.name}: which bodies does it take, and which ids stand in them?"
    return known[operation.name]


async def operations(api: Api) -> list[Operation]:
    document = (await api.ask("GET", "/api/schema/?format=json")).body
    found = []
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            parameters = described.get("parameters", [])
            names = {where: [one["name"] for one in parameters if one["in"] == where] for where in ("path", "query")}
            found.append(Operation(method.upper(), path, tuple(names["path"]), tuple(names["query"])))
    assert len(found) > 60
    for one in found:
        for name in one.names:
            assert name in IN_PATHS or name in SHARED, f"{one.name}: what does {name} name?"
        for name in one.queries:
            assert name in IN_QUERIES or name in HARMLESS_QUERIES, f"{one.name}: what may {name} hold?"
    return found


async def fill(api: Api, key: str, account_id: str, mark: str, versions: int) -> Ids:
    """Give an account some of everything, with its mark in all that is text; the ids."""

    async def make(path: str, body: Any, method: str = "POST") -> Any:
        answer = await api.ask(method, path, body, headers={"X-API-Key": key})
        assert answer.status in (200, 201, 202), (path, answer.body)
        return answer.body

    store, ids = api.store, {"mark": mark, "source": f"192.0.2.{versions}"}
    tool = await make("/api/tools", {"name": f"{mark}-tool", "definition": TOOL})
    ids |= {"tool": tool["toolId"], "tool_name": tool["name"]}
    template = {"systemPrompt": f"{mark} prompt", "selectedTools": tools_of(ids)}
    ids["agent"] = (await make("/api/agents", {"name": f"{mark}-agent", "callTemplate": template}))["agentId"]
    hook = {"url": f"https://{mark.lower()}.example/{mark}", "secrets": [f"{mark}-secret"], "events": ["call.started"]}
    ids["webhook"] = (await make("/api/webhooks", hook))["webhookId"]
    ids["key"] = (await make("/api/api_keys", {"name": f"{mark}-key"}))["prefix"]
    throttle = await make("/api/call_throttles", {"name": f"{mark}-slow", "rules": RULES})
    ids |= {"throttle": throttle["throttleId"], "throttle_name": throttle["name"]}
    for number in range(2, versions + 1):
        ranges = [f"{ids['source']}/32", f"10.{number}.0.0/16"]
        await make("/api/sip", {"allowedCidrRanges": ranges, "allowAllAgents": True}, "PATCH")
    ids["version"] = str(versions)
    handler = {"url": f"https://{mark.lower()}.example/handler", "secrets": [f"{mark}-secret"]}
    await make("/api/sip/shadow", {"patch": {"fallbackHandler": handler}, "duration": "600s"}, "PUT")

    call = a_call(
        account_id,
        agent_id=ids["agent"],
        agent_name=f"{mark}-agent",
        settings={**template, "model": "fast"},
        metadata={"whose": mark},
        request_context={"whose": mark},
    )
    dialled = f"sip:{mark}@example.org"
    record = a_record(account_id, source_address=ids["source"], to_uri=dialled, request_uri=dialled)
    started = an_event(call, "call.started")
    await store.call_started(call, record, started)
    ids |= {"call": call.call_id, "decision": record.decision_id, "delivery": started.event_id}
    ids["stage"] = str(uuid4())
    store.call_stage(CallStage(call.stage_id, call.call_id, 0, START, call.settings))
    store.call_stage(CallStage(ids["stage"], call.call_id, 1, START + timedelta(seconds=1), call.settings))
    use = ToolUse(f"{mark}-tool", "i", ids["tool"])
    said = Message(
        call.call_id,
        0,
        "MESSAGE_ROLE_TOOL_RESULT",
        f"{mark} said",
        "MESSAGE_MEDIUM_VOICE",
        START,
        stage_id=ids["stage"],
        stage_index=0,
        tool=use,
    )
    store.message(said)
    store.call_event(CallEvent(call.call_id, ids["stage"], START, 0.0, "error", "oops", f"{mark} happened", {}))
    quality: JsonObject = {"callId": "1@192.0.2.1", "sound": {"quality": {"verdict": mark}}}
    await store.call_ended(replace(call, ended=START, sip=quality), an_event(call, "call.ended"))
    store.sip_log(SipLog(call.call_id, START, mark.encode()))
    gone = replace(call, call_id=str(uuid4()), sip={})
    await store.call_started(gone, None, an_event(gone, "call.started"))
    await store.call_ended(replace(gone, ended=START), an_event(gone, "call.ended"))
    await store.written()
    deleted = await api.ask("DELETE", f"/api/calls/{gone.call_id}", headers={"X-API-Key": key})
    assert deleted.status == 204, deleted.body
    ids["deleted_call"] = gone.call_id
    api.recordings.mkdir(exist_ok=True)
    recording_path(api.recordings, call.call_id).write_bytes(_wave(mark))
    job = await make("/api/sip/replay", {"patch": {"allowAllAgents": True}})
    ids["job"] = job["jobId"]
    while job["state"] == "running":  # on a busy machine it takes longer than an answer may
        job = (await api.ask("GET", f"/api/sip/replay/{ids['job']}", headers={"X-API-Key": key})).body
    return ids


def _wave(mark: str) -> bytes:
    return header(8_000, 24) + mark.encode() * 8  # so short that all of it can be read as text


class Walk:
    """A's requests, and whether anything of B's is in their answers."""

    def __init__(self, api: Api, mine: Ids, others: Ids) -> None:
        self.api = api
        self.mine = mine
        self.others = others
        self.asked = 0

    async def ask(self, method: str, path: str, body: Any = None, *, sent: Ids | None = None) -> tuple[int, str]:
        """The status and the text of an answer, in which the ids that were sent are not told apart."""
        answer: Answer = await self.api.ask(method, path, body)
        self.asked += 1
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        assert answer.status < 500, (method, path, body, text)
        text = re.sub(r"such version: \d+", "such version", text)
        for kind, value in sorted((sent or {}).items(), key=lambda item: -len(item[1])):
            if kind not in ("version", "source"):  # too short to be told from other figures
                text = text.replace(value, f"<{kind}>")
        for kind, value in self.others.items():
            if kind not in ("version", "source"):
                assert value not in text, f"{method} {path} {body} shows B's {kind}: {text}"
        return answer.status, text

    def mixtures(self, operation: Operation, wrong: Ids) -> Iterator[Ids]:
        """Ids of A's, one or more of those in the path replaced."""
        kinds = [operation.kind_of(name) for name in operation.names if name in IN_PATHS]
        for some in itertools.chain.from_iterable(itertools.combinations(kinds, n) for n in range(1, len(kinds) + 1)):
            yield {**self.mine, **{kind: wrong[kind] for kind in some}}

    async def in_path(self, operation: Operation) -> None:
        for theirs, nobodys in zip(
            self.mixtures(operation, self.others), self.mixtures(operation, NOBODYS), strict=True
        ):
            for body in bodies(operation, self.mine):
                found = await self.ask(operation.method, operation.at(theirs), body, sent=theirs)
                missed = await self.ask(operation.method, operation.at(nobodys), body, sent=nobodys)
                assert found == missed, f"{operation.name} {theirs}"
                assert found[0] in (400, 404), f"{operation.name}: {found}"

    async def in_query(self, operation: Operation) -> None:
        for name, kind in [(one, kind) for one in operation.queries for kind in IN_QUERIES.get(one, ())]:
            for body in bodies(operation, NOBODYS)[:1]:
                answers = []
                for ids in (self.others, NOBODYS):
                    path = f"{operation.at(self.mine)}?{name}={ids[kind]}"
                    send = {**CLIENT} if body is not None else None
                    answers.append(await self.ask(operation.method, path, send, sent=ids))
                assert answers[0] == answers[1], f"{operation.name}?{name}"
                assert answers[0][0] in (200, 400), f"{operation.name}?{name}: {answers[0]}"

    async def in_body(self, operation: Operation) -> None:
        if operation.method in ("GET", "DELETE"):
            return
        theirs, nobodys = bodies(operation, self.others), bodies(operation, NOBODYS)
        for mine, wrong, missing in zip(bodies(operation, self.mine), theirs, nobodys, strict=True):
            if wrong == mine:
                continue  # there is no id in it
            path = operation.at(self.mine)
            found = await self.ask(operation.method, path, wrong, sent=self.others)
            missed = await self.ask(operation.method, path, missing, sent=NOBODYS)
            assert found == missed, f"{operation.name} {wrong}"
            imagined = operation.path == "/api/sip/evaluate" and "patch" not in wrong
            assert found[0] == (200 if imagined else 400), f"{operation.name}: {found}"

    async def own(self, operation: Operation) -> None:
        """What A sees of its own: all of it, and nothing else."""
        if operation.method != "GET":
            return
        status, text = await self.ask("GET", operation.at(self.mine))
        if operation.path.endswith(("/audio", "/preview")):  # of no message, and of no voice
            assert status == 404
            return
        if operation.path.endswith("/sip_logs"):
            assert status == 302  # to a link that is made for whoever asks
            return
        assert status == 200, (operation.name, text)
        if "cursor" in operation.queries:
            theirs = await self.api.ask(
                "GET", f"{operation.at(self.others)}?pageSize=1", headers={"X-API-Key": KEY_OF_B}
            )
            assert theirs.status == 200, operation.name
            assert json.loads(text)["results"], f"{operation.name}: there is nothing to see"
            if theirs.body["next"]:  # a place in B's list says nothing in A's
                query = theirs.body["next"].partition("?")[2]
                status, text = await self.ask("GET", f"{operation.at(self.mine)}?{query}")
                assert status in (200, 400)


async def seen_by_b(api: Api, found: list[Operation], ids: Ids) -> dict[str, Any]:
    """All that B sees of its own."""
    seen = {}
    for one in found:
        if one.method == "GET":
            answer = await api.ask("GET", one.at(ids), headers={"X-API-Key": KEY_OF_B})
            seen[one.path] = (answer.status, answer.body)
    return seen


async def test_nothing_of_one_account_is_visible_to_another(api: Api) -> None:
    bee, _ = await api.store.create_account("bee", MARK, KEY_OF_B)
    mine = await fill(api, KEY, api.account.account_id, "ANT", VERSIONS_OF_A)
    others = await fill(api, KEY_OF_B, bee.account_id, MARK, VERSIONS_OF_B)
    others["account"] = bee.account_id
    found = await operations(api)
    before = await seen_by_b(api, found, others)
    assert all(MARK in json.dumps(before[path]) for path in ("/api/calls", "/api/agents", "/api/webhooks"))

    walk = Walk(api, mine, others)
    for operation in found:
        await walk.own(operation)
        await walk.in_path(operation)
        await walk.in_query(operation)
        await walk.in_body(operation)
    assert walk.asked > 200
    assert api.live.said == []

    after = await seen_by_b(api, found, others)
    for path in before:
        if path != "/api/api_keys":  # the key that looks has been used
            assert after[path] == before[path], path


async def test_a_bots_interface_knows_no_call_of_another_account(api: Api) -> None:
    bee, _ = await api.store.create_account("bee", MARK, KEY_OF_B)
    theirs = await fill(api, KEY_OF_B, bee.account_id, MARK, VERSIONS_OF_B)
    api.live.joined = {theirs["call"]}
    answers = []
    for call_id in (theirs["call"], str(uuid4())):
        sid = call_sid(call_id)
        for method in ("GET", "POST"):
            credentials = base64.b64encode(f"x:{KEY}".encode()).decode()
            answer = await api.ask(
                method,
                f"/2010-04-01/Accounts/{bee.account_id}/Calls/{sid}.json",
                headers={"Authorization": f"Basic {credentials}"},
                **({"data": {"Status": "completed"}} if method == "POST" else {}),
            )
            answers.append((answer.status, json.dumps(answer.body).replace(sid, "<call>")))
    assert answers[:2] == answers[2:]
    assert answers[0][0] == 404
    assert api.live.said == []
