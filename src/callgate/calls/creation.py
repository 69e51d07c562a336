"""How a Call comes of an admitted attempt: the agent's template or the fallback handler's answer, made concrete."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from callgate.calls.tool_selection import model_name, with_tools
from callgate.core.admission.question import caller_id
from callgate.core.templates.context import CallContext, build_context
from callgate.core.templates.render import render_template
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.call import Call
from callgate.entities.json import Json, JsonObject
from callgate.entities.tool import DurableTool
from callgate.ports import Ids, StartCall
from callgate.schema.duration import seconds
from callgate.schema.stage import read_stage
from callgate.schema.start_call import CheckUrl

# Of a template, what speaks of the template and not of a call.
_TEMPLATE_ONLY: Final = frozenset(("name", "created", "updated", "contextSchema"))
# Of a request or of a handler's answer, what does not simply stand in for the template's.
_NOT_SETTINGS: Final = frozenset(("agentId", "templateContext", "metadata", "toolOverrides", "medium"))

# The public defaults of `joinTimeout` and `maxDuration`.
_JOIN_TIMEOUT: Final = "30s"
_MAX_DURATION: Final = "3600s"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMaker:
    """Makes Calls, and reads from them what their runner needs.

    Attributes:
        ids: names for calls and stages.
        trust_asserted_identity: whether P-Asserted-Identity says who calls.
        sip_headers_win: whether an ``X-`` header wins over the handler's `templateContext`.
        models: names that calls may ask for as their `model`.
        model_default: which serves the others.
        check_url: why a URL that comes from outside is refused, in words.
        voices: names of voices by the ids that the API lists.
    """

    ids: Ids
    trust_asserted_identity: bool = True
    sip_headers_win: bool = False
    models: frozenset[str] = frozenset()
    model_default: str = "demo"
    check_url: CheckUrl | None = None
    voices: Mapping[str, str] = field(default_factory=dict)

    def make(
        self,
        attempt: Attempt,
        *,
        account_id: str,
        agent: Agent | None,
        answer: StartCall | None,
        tools: Mapping[str, DurableTool],
        decision_id: str,
        now: datetime,
    ) -> Call:
        """The Call that comes of `attempt`.

        Args:
            attempt: the INVITE.
            account_id: whose call it is.
            agent: who answers; ``None`` for an inline ``startCall``.
            answer: of the fallback handler, when it was asked.
            tools: that the account keeps, by id.
            decision_id: names the record that says why.
            now: when the INVITE came.

        Raises:
            TemplateUnfit: the template does not fit its variables, or they do not fit its context schema.
        """
        body = answer.body if answer else {}
        template: JsonObject = (agent.call_template or {}) if agent else {}
        schema = template.get("contextSchema")
        given = body.get("templateContext")
        variables = build_context(
            headers=attempt.headers,
            caller_id=caller_id(attempt, self.trust_asserted_identity),
            from_display_name=attempt.from_display_name,
            from_uri=attempt.from_uri,
            template_context=given if isinstance(given, dict) else None,
            schema=schema if isinstance(schema, dict) else None,
            sip_headers_win=self.sip_headers_win,
        )
        settings = _settings(template, body, variables, tools)
        settings["medium"] = {"sip": {"incoming": {}}}
        return self._call(account_id, agent, settings, body, variables, now, decision_id)

    def make_requested(
        self, *, account_id: str, agent: Agent | None, body: JsonObject, tools: Mapping[str, DurableTool], now: datetime
    ) -> Call:
        """The Call that the API was asked for.

        Args:
            account_id: whose call it is.
            agent: who answers; ``None`` when `body` says all of it.
            body: of the creation endpoint, validated.
            tools: that the account keeps.
            now: when it was asked for.

        Raises:
            TemplateUnfit: as for `make`.
        """
        template: JsonObject = (agent.call_template or {}) if agent else {}
        schema, given = template.get("contextSchema"), body.get("templateContext")
        variables = build_context(
            headers=(),
            caller_id=None,
            from_display_name=None,
            from_uri=None,
            template_context=given if isinstance(given, dict) else None,
            schema=schema if isinstance(schema, dict) else None,
        )
        settings = _settings(template, body, variables, tools)
        if "medium" in body:
            settings["medium"] = body["medium"]
        return self._call(account_id, agent, settings, body, variables, now, None)

    def _call(
        self,
        account_id: str,
        agent: Agent | None,
        settings: JsonObject,
        body: JsonObject,
        variables: CallContext,
        now: datetime,
        decision_id: str | None,
    ) -> Call:
        metadata = body.get("metadata")
        own = {name: str(value) for name, value in metadata.items()} if isinstance(metadata, dict) else {}
        return Call(
            call_id=self.ids.uuid(),
            account_id=account_id,
            agent_id=agent.agent_id if agent else None,
            agent_name=agent.name if agent else None,
            stage_id=self.ids.uuid(),
            created=now,
            settings=settings,
            metadata={**own, **variables.metadata},
            request_context=variables.context,
            decision_id=decision_id,
        )

    def stage(self, body: JsonObject, tools: Mapping[str, DurableTool]) -> tuple[JsonObject, list[str]]:
        """What is new in a stage that a tool asks for, and the names of what the tool says in vain.

        Raises:
            Invalid: the body is no stage's.
        """
        own, in_vain = read_stage(body, check_url=self.check_url)
        return with_tools(own, tools), in_vain

    def brain_of(self, call: Call) -> str:
        """Which configured model serves the call: the one it asks for, if there is one of that name."""
        wanted = call.settings.get("model")
        return wanted if isinstance(wanted, str) and wanted in self.models else self.model_default

    def for_brain(self, settings: JsonObject) -> JsonObject:
        """A call's or a stage's settings as its brain reads them: servers know voices by name."""
        voice = settings.get("voice")
        name = self.voices.get(voice.lower()) if isinstance(voice, str) else None
        return settings if name is None else {**settings, "voice": name}

    def join_timeout_s(self, call: Call) -> float:
        """How long the agent may take to be ready."""
        return _duration_s(call.settings.get("joinTimeout"), _JOIN_TIMEOUT)

    def farewell(self, call: Call) -> tuple[str, float]:
        """What the agent says when the call has lasted long enough (may be empty), and after how many seconds."""
        text = call.settings.get("timeExceededMessage")
        duration_s = _duration_s(call.settings.get("maxDuration"), _MAX_DURATION)
        return (text if isinstance(text, str) else ""), duration_s


def _settings(
    template: JsonObject, body: JsonObject, variables: CallContext, tools: Mapping[str, DurableTool]
) -> JsonObject:
    """What the call is to be like: the rendered template, and what the body says instead."""
    settings = {name: value for name, value in template.items() if name not in _TEMPLATE_ONLY}
    settings = render_template(settings, variables.context, variables.texts)
    settings = with_tools(settings, tools)  # before any is removed by the name that the model knows it by
    settings.update({name: value for name, value in body.items() if name not in _NOT_SETTINGS})
    if "voice" in body:  # one of the two, and the later word wins
        settings.pop("externalVoice", None)
    _override_tools(settings, body.get("toolOverrides"))
    return with_tools(settings, tools)


def _duration_s(value: Json, default: str) -> float:
    return seconds(value if isinstance(value, str) else default)


def _override_tools(settings: JsonObject, overrides: Json) -> None:
    """Apply a handler's `toolOverrides`: removals first, then additions."""
    if not isinstance(overrides, dict):
        return
    selected = settings.get("selectedTools")
    tools: list[Json] = list(selected) if isinstance(selected, list) else []
    removed = overrides.get("remove")
    if overrides.get("removeAll"):
        tools = []
    elif isinstance(removed, list):
        tools = [tool for tool in tools if model_name(tool) not in removed]
    added = overrides.get("add")
    if isinstance(added, list):
        tools.extend(added)
    settings["selectedTools"] = tools
