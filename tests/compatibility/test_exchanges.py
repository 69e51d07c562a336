"""Every operation that is offered, done: each property of each body is taken, and each of each answer is seen."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from callgate.entities.call import Call, CallEvent, CallStage, Message, ToolUse
from callgate.entities.sip_log import SipLog
from callgate.entities.webhook import WebhookFailure, WebhookHealth
from tests.compatibility.samples import bodies, sendable
from tests.compatibility.surface import COMPONENTS, INTENTIONS, OFFERED, OPERATIONS, reached, seen
from tests.web.conftest import Answer, Api
from tests.web.test_calls import CLIENT, NOW, started
from tests.web.test_recording import ended

NEVER: Any = INTENTIONS["answers"]["never"]
# A call can be made for clients, and for whom we call.
CLIENTS = [{**CLIENT, "serverWebSocket": one} for one in bodies({"$ref": "ultravox.v1.CallMedium_WebSocketMedium"})]
CLIENTS += [{"sip": {"outgoing": one}} for one in bodies({"$ref": "ultravox.v1.SipMedium_SipOutgoing"})]


class Exchanges:
    """What was asked for, what of it was taken, and what the answers held."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.done: set[str] = set()
        self.taken: set[str] = set()
        self.seen: set[str] = set()

    async def do(self, name: str, body: Any = None, query: str = "", **ids: str) -> Any:
        operation = OPERATIONS[name]
        path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], operation.path) + query
        answer: Answer = await self.api.ask(operation.method, path, body)
        assert answer.status < 300, (name, body, answer.body)
        self.done.add(name)
        if body is not None and operation.body is not None:
            self.taken |= set(seen(operation.body, body))
        schema = operation.answer(answer.status)
        if schema is not None:
            self.seen |= set(seen(schema, answer.body))
        return answer.body

    async def turn_pages(self, name: str, query: str = "", **ids: str) -> None:
        """Ask for a list, then for its first two pages of one entry each."""
        await self.do(name, query=f"?{query}", **ids)
        page = await self.do(name, query=f"?pageSize=1&{query}", **ids)
        await self.do(name, query=f"?{urlsplit(page['next']).query}", **ids)


async def agents_and_calls(to: Exchanges) -> str:
    agent_id = ""
    for body in bodies(OPERATIONS["POST /api/agents"].body):
        body["callTemplate"]["medium"].get("sip", {}).get("outgoing", {}).pop("password", None)  # it would be shown
        made = await to.do("POST /api/agents", body)
        agent_id = made["agentId"]
        sent = {key: one for key, one in body["callTemplate"].items() if key not in WRITTEN_ONLY}
        assert made["callTemplate"] == sent
        assert await to.do("GET /api/agents/{agent_id}", agent_id=agent_id) == made
        # What came from a GET may go back, and changes nothing.
        assert (await to.do("PATCH /api/agents/{agent_id}", made, agent_id=agent_id))["callTemplate"] == sent
    for body in bodies(OPERATIONS["PATCH /api/agents/{agent_id}"].body):
        body["callTemplate"]["medium"].get("sip", {}).get("outgoing", {}).pop("password", None)
        await to.do("PATCH /api/agents/{agent_id}", {**body, "callTemplate": None}, agent_id=agent_id)
        await to.do("PATCH /api/agents/{agent_id}", body, agent_id=agent_id)
    for medium in CLIENTS:
        for body in bodies(OPERATIONS["POST /api/calls"].body, {"ultravox.v1.StartCallRequest.medium": medium}):
            await to.do("POST /api/calls", body)
            await to.api.store.written()
        good = {"ultravox.v1.StartAgentCallRequest.medium": medium}
        for body in bodies(OPERATIONS["POST /api/agents/{agent_id}/calls"].body, good):
            await to.do("POST /api/agents/{agent_id}/calls", body, agent_id=agent_id)
    await to.turn_pages("GET /api/agents", "search=x&sort=name")
    await to.turn_pages("GET /api/agents/{agent_id}/calls", agent_id=agent_id)
    return agent_id


# Of a template, what is never told again, and what a template does not have of itself.
WRITTEN_ONLY = frozenset(("sharedSecrets", "name", "created", "updated"))


async def a_call(to: Exchanges, agent_id: str, tool_id: str) -> Call:
    """A call that came in, had two stages, used a tool, and is over."""
    api = to.api
    call = await started(api, agent_id)
    selected = [one for body in bodies({"$ref": "ultravox.v1.CallTemplate"}) for one in body["selectedTools"]]
    for index, one in enumerate(selected):
        one["nameOverride"] = f"tool_{index}"
    settings: dict[str, Any] = {**bodies({"$ref": "ultravox.v1.StartCallRequest"})[-1], "voice": "Ada", "medium": None}
    # A response that is told counts before a place that would make one.
    fixed: Any = {"nameOverride": "fixed", "temporaryTool": {"staticResponse": {"responseText": "x"}}}
    elsewhere: Any = {"nameOverride": "elsewhere", "temporaryTool": {"dataConnection": {}}}
    kept: Any = {"toolId": tool_id, "toolName": "kept", "temporaryTool": {"client": {}}}
    first = CallStage(str(uuid4()), call.call_id, 0, NOW, {"systemPrompt": "x"})
    last = CallStage(
        call.stage_id, call.call_id, 1, NOW, {**settings, "selectedTools": [*selected, fixed, elsewhere, kept]}
    )
    api.store.call_stage(first)
    api.store.call_stage(last)
    used = ToolUse("kept", "i", tool_id, "out of order", {"a": 1})
    for index, tool in enumerate((None, used)):
        about: dict[str, Any] = {"stage_id": last.stage_id, "stage_index": index, "tool": tool}
        said = ("MESSAGE_ROLE_AGENT", "Hello", "MESSAGE_MEDIUM_VOICE", NOW, 0.5, 1.25)
        api.store.message(Message(call.call_id, index, *said, **about))
        event = CallEvent(call.call_id, last.stage_id, NOW, 1.5, "error", "brain_failed", "Words.")
        api.store.call_event(replace(event, extras={"a": index}))
    await api.store.written()
    await ended(api, replace(call, joined=NOW, settings=settings, sip={"callId": "1@192.0.2.7"}))
    return call


async def what_became_of_it(to: Exchanges, call: Call) -> None:
    at = {"call_id": call.call_id}
    await to.turn_pages("GET /api/calls", "sort=created")
    await to.do("GET /api/calls/{call_id}", **at)
    await to.turn_pages("GET /api/calls/{call_id}/events", "minimum_severity=debug", **at)
    await to.turn_pages("GET /api/calls/{call_id}/messages", "mode=in_call", **at)
    await to.do("GET /api/calls/{call_id}/messages", **at)
    await to.turn_pages("GET /api/calls/{call_id}/stages", **at)
    await to.do("GET /api/calls/{call_id}/tools", **at)
    at["call_stage_id"] = call.stage_id
    await to.do("GET /api/calls/{call_id}/stages/{call_stage_id}", **at)
    await to.turn_pages("GET /api/calls/{call_id}/stages/{call_stage_id}/messages", **at)
    await to.do("GET /api/calls/{call_id}/stages/{call_stage_id}/tools", **at)
    to.api.store.sip_log(SipLog(call.call_id, NOW, b"INVITE sip:a@b SIP/2.0"))
    await to.api.store.written()
    link = await to.api.ask("GET", f"/api/calls/{call.call_id}/sip_logs")
    assert link.status == 302
    to.done.add("GET /api/calls/{call_id}/sip_logs")
    await to.do("DELETE /api/calls/{call_id}", **at)
    live = await started(to.api, call.agent_id or "")
    to.api.live.joined.add(live.call_id)
    for body in bodies(OPERATIONS["POST /api/calls/{call_id}/send_data_message"].body):
        await to.do("POST /api/calls/{call_id}/send_data_message", body, call_id=live.call_id)


def tools() -> Iterator[Any]:
    """Tools of every kind, each of a name of its own."""
    for index, body in enumerate(bodies(OPERATIONS["POST /api/tools"].body)):
        yield {**body, "name": f"tool {index}"}


async def kept_tools(to: Exchanges, used: str) -> None:
    tool_id = ""
    for body in tools():
        body["name"] += " again"
        made = await to.do("POST /api/tools", body)
        tool_id = made["toolId"]
        assert (made["name"], made["definition"]) == (body["name"], body["definition"])
        assert await to.do("PUT /api/tools/{tool_id}", made, tool_id=tool_id) == made
    await to.do("GET /api/tools/{tool_id}", tool_id=tool_id)
    await to.turn_pages("GET /api/tools", "ownership=private&search=tool&sortOrder=display")
    await to.turn_pages("GET /api/tools/{tool_id}/history", tool_id=used)
    static = {"name": "fixed", "definition": {"staticResponse": {"responseText": "x"}}}
    fixed = (await to.do("POST /api/tools", static))["toolId"]
    await to.do("POST /api/tools/{tool_id}/test", {}, tool_id=fixed)
    await to.do("DELETE /api/tools/{tool_id}", tool_id=fixed)


async def kept_webhooks(to: Exchanges, agent_id: str) -> None:
    webhook_id = ""
    for body in bodies(OPERATIONS["POST /api/webhooks"].body, {"Webhook.agentId": agent_id}):
        made = await to.do("POST /api/webhooks", body)
        webhook_id = made["webhookId"]
        assert await to.do("PUT /api/webhooks/{webhook_id}", made, webhook_id=webhook_id) == made
        assert await to.do("PATCH /api/webhooks/{webhook_id}", made, webhook_id=webhook_id) == made
    for body in bodies(OPERATIONS["PATCH /api/webhooks/{webhook_id}"].body, {"PatchedWebhook.agentId": agent_id}):
        await to.do("PATCH /api/webhooks/{webhook_id}", body, webhook_id=webhook_id)
    to.api.store.webhook_fares(webhook_id, WebhookHealth(True, NOW, 1, (WebhookFailure(NOW, "answered 500"),)))
    await to.api.store.written()
    await to.do("GET /api/webhooks/{webhook_id}", webhook_id=webhook_id)
    await to.do("POST /api/webhooks", made)
    await to.turn_pages("GET /api/webhooks", f"agentId={agent_id}")
    await to.do("DELETE /api/webhooks/{webhook_id}", webhook_id=webhook_id)


async def keys(to: Exchanges) -> None:
    for body in bodies(OPERATIONS["POST /api/api_keys"].body):
        for method in ("PUT", "PATCH"):
            made = await to.do("POST /api/api_keys", body)
            prefix = made["prefix"]
            for change in bodies(OPERATIONS["PATCH /api/api_keys/{api_key_prefix}"].body):
                known = await to.do("GET /api/api_keys/{api_key_prefix}", api_key_prefix=prefix)
                back = {**known, **change}
                name = f"{method} /api/api_keys/{{api_key_prefix}}"
                assert (await to.do(name, back, api_key_prefix=prefix))["revoked"]
    await to.turn_pages("GET /api/api_keys")
    await to.do("DELETE /api/api_keys/{api_key_prefix}", api_key_prefix=prefix)


async def rules(to: Exchanges, agent_id: str) -> None:
    for body in bodies(OPERATIONS["PATCH /api/sip"].body, {"AgentAllowance.agentId": agent_id}):
        changed = await to.do("PATCH /api/sip", body)
        assert await to.do("GET /api/sip") == changed
        assert await to.do("PATCH /api/sip", changed) == changed


async def throttles(to: Exchanges) -> None:
    for index, body in enumerate(bodies(OPERATIONS["POST /api/call_throttles"].body)):
        made = await to.do("POST /api/call_throttles", {**body, "name": f"slow {index}"})
        throttle_id = made["throttleId"]
        assert await to.do("GET /api/call_throttles/{throttle_id}", throttle_id=throttle_id) == made
        for method in ("PUT", "PATCH"):
            name = f"{method} /api/call_throttles/{{throttle_id}}"
            assert await to.do(name, made, throttle_id=throttle_id) == made
    await to.do("POST /api/call_throttles", {**body, "name": "another"})
    await to.turn_pages("GET /api/call_throttles")
    await to.do("DELETE /api/call_throttles/{throttle_id}", throttle_id=throttle_id)


async def deleted_calls(to: Exchanges, agent_id: str) -> None:
    call = await started(to.api, agent_id)
    await ended(to.api, call)
    await to.do("DELETE /api/calls/{call_id}", call_id=call.call_id)
    await to.turn_pages("GET /api/deleted_calls")
    await to.do("GET /api/deleted_calls/{call_id}", call_id=call.call_id)


async def voices(to: Exchanges) -> None:
    page = await to.do("GET /api/voices", query="?ownership=public&primaryLanguage=en")
    await to.turn_pages("GET /api/voices")
    for one in page["results"]:
        await to.do("GET /api/voices/{voice_id}", voice_id=one["voiceId"])


async def the_rest(to: Exchanges) -> None:
    await to.do("GET /api/accounts")
    await to.do("GET /api/accounts/me")
    await to.turn_pages("GET /api/models")


async def test_everything_that_is_offered_is_taken_and_seen(api: Api) -> None:
    to = Exchanges(api)
    agent_id = await agents_and_calls(to)
    tool_id = (await to.do("POST /api/tools", next(tools())))["toolId"]
    call = await a_call(to, agent_id, tool_id)
    await a_call(to, agent_id, tool_id)
    await kept_tools(to, tool_id)
    await kept_webhooks(to, agent_id)
    await keys(to)
    await rules(to, agent_id)
    await the_rest(to)
    await throttles(to)
    await voices(to)
    await what_became_of_it(to, call)
    await deleted_calls(to, agent_id)
    await to.do("DELETE /api/agents/{agent_id}", agent_id=agent_id)

    assert OFFERED - to.done == SHOWN_ELSEWHERE
    wanted = {one for name in OFFERED for one in sendable(OPERATIONS[name].body or {})}
    assert sorted(wanted - to.taken) == []
    may_be_seen = {one for name in OFFERED for one in answers_of(name)}
    assert sorted(may_be_seen - to.seen) == sorted(NEVER)


# Their answers are not JSON, or are the document itself.
SHOWN_ELSEWHERE = {"GET /api/calls/{call_id}/recording", "GET /api/schema/"}


def answers_of(name: str) -> Iterator[str]:
    """The properties of all answers of an operation that are for reading."""
    for status in OPERATIONS[name].told["answers"]:
        if status.isdigit():
            for one in reached(OPERATIONS[name].answer(int(status)) or {}):
                component, _, inner = one.rpartition(".")
                if not COMPONENTS[component]["properties"][inner].get("writeOnly"):
                    yield one


async def test_what_is_read_only_is_ignored_and_what_is_unknown_is_not(api: Api) -> None:
    agent_id = await api.agent()
    for name in ("POST /api/agents", "POST /api/webhooks", "POST /api/tools", "POST /api/api_keys", "PATCH /api/sip"):
        operation = OPERATIONS[name]
        told = COMPONENTS[operation.body["$ref"]]["properties"]
        (body, *_) = bodies(operation.body, {"Webhook.agentId": agent_id, "AgentAllowance.agentId": agent_id})
        back = {inner: str(uuid4()) for inner, one in told.items() if one.get("readOnly")}
        answer = await api.ask(operation.method, operation.path, {**body, **back})
        assert answer.status in (200, 201), answer.body
        answer = await api.ask(operation.method, operation.path, {**body, "nope": 1})
        assert (answer.status, set(answer.body)) == (400, {"nope"})


async def test_the_exceptions_are_needed(api: Api) -> None:
    call = (await api.ask("POST", "/api/calls", {"medium": CLIENT})).body
    key = (await api.ask("POST", "/api/api_keys", {"name": "x"})).body
    answered = {"Call": call, "APIKeyCreate": key}
    answered["APIKey"] = (await api.ask("GET", f"/api/api_keys/{key['prefix']}")).body
    for name in INTENTIONS["answers"]["null"]:
        component, _, inner = name.rpartition(".")
        assert answered[component][inner] is None
    for name in INTENTIONS["answers"]["extra"]:
        component, _, inner = name.rpartition(".")
        assert inner in answered[component]
