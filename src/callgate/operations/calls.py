"""Calls: found, read, listened to, deleted, hung up."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from callgate.core.templates.errors import TemplateUnfit
from callgate.entities.account import Account
from callgate.entities.agent import Agent
from callgate.entities.call import Call
from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted
from callgate.media.recording_folder import Growing, RecordingFolder
from callgate.operations.agents import check_sort
from callgate.operations.caller import Caller
from callgate.operations.errors import Conflict, Full, NotFound, NotNow
from callgate.operations.queries import CallQuery, read_filter
from callgate.operations.stages import StageOperations
from callgate.operations.throttles import ThrottleOperations
from callgate.operations.tools import selectable
from callgate.ports import LiveCalls, NoRoom, RequestedCalls
from callgate.schema.call import render_call, render_event, render_message
from callgate.schema.data_message import validate_data_message
from callgate.schema.errors import invalid, shown
from callgate.schema.quality import render_quality
from callgate.schema.start_call import CheckUrl, validate_start_agent_call, validate_start_call
from callgate.store.calls import SORTS
from callgate.store.errors import CallElsewhere
from callgate.store.open import Store

SEVERITIES: Final = ("debug", "info", "warning", "error")
SEVERITY_DEFAULT: Final = "info"
MODES: Final = ("last_stage", "in_call")  # the first is the default
# The public order `duration` by the column that holds it.
_SORTS: Final = {"duration": "duration_s"}


class CallOperations:
    """What an owner may ask about calls.

    Args:
        store: what is kept.
        live: the calls in progress.
        requested: makes calls.
        check_url: why a URL that an account sets is refused, in words.
        throttles: applied to calls that name one.
        rated: counts a call of an account that is to be made, and raises `Full` when that is one too many.
        recordings: what was recorded; ``None``: nothing is.
    """

    def __init__(
        self,
        store: Store,
        live: LiveCalls,
        requested: RequestedCalls,
        check_url: CheckUrl,
        throttles: ThrottleOperations,
        rated: Callable[[Account], None],
        recordings: RecordingFolder | None = None,
    ) -> None:
        self._store = store
        self._live = live
        self._requested = requested
        self._check_url = check_url
        self._throttles = throttles
        self._rated = rated
        self._recordings = recordings
        self._stages = StageOperations(store)

    async def find(self, caller: Caller, query: CallQuery, wanted: PageWanted) -> PageFound[Json]:
        """Calls.

        Raises:
            Invalid: with every filter that cannot be read.
        """
        filter, sort = read_filter(query), query.sort
        for public, column in _SORTS.items():
            sort = sort.replace(public, column) if sort in (public, f"-{public}") else sort
        order = check_sort(sort, SORTS)
        found = await self._store.list_calls(caller.account.account_id, wanted, filter, sort=order)
        return found.each(render_call)

    async def of_agent(self, caller: Caller, agent_id: str, wanted: PageWanted) -> PageFound[Json]:
        """Calls of one agent, newest first.

        Raises:
            NotFound: no such agent.
        """
        self._agent(caller, agent_id)
        return await self.find(caller, CallQuery(agent_ids=(agent_id.lower(),)), wanted)

    async def get(self, caller: Caller, call_id: str) -> JsonObject:
        """One call.

        Raises:
            NotFound: none of this account.
        """
        return render_call(await self._call(caller, call_id))

    async def delete(self, caller: Caller, call_id: str) -> None:
        """Delete a call with all that was said in it, its recording too.

        Raises:
            NotFound: none of this account.
            Conflict: it is in progress.
        """
        call = await self._call(caller, call_id)
        if self._live.is_live(call.call_id):
            raise Conflict("the call is in progress; hang it up first (send_data_message with type hang_up)")
        # First the sound: when that fails, the call is still there to be deleted again.
        if self._recordings is not None:
            await asyncio.to_thread(self._recordings.delete, call.call_id)
        try:
            await self._store.delete_call(caller.account.account_id, call.call_id)
        except CallElsewhere:
            raise Conflict("the call is in progress at another node; hang it up there first") from None

    async def recording(self, caller: Caller, call_id: str) -> Path | Growing:
        """The recording of a call: of one in progress, what there is so far.

        Raises:
            NotFound: none of this account, or it was not recorded.
        """
        call = await self._call(caller, call_id)
        found: Path | Growing | None = None
        if self._recordings is not None:
            is_growing = call.ended is None or self._live.is_live(call.call_id)
            find = self._recordings.growing if is_growing else self._recordings.finished
            found = await asyncio.to_thread(find, call.call_id)
        if found is None:
            raise NotFound("the call has no recording")
        return found

    async def quality(self, caller: Caller, call_id: str) -> JsonObject:
        """How the sound of a call fares, or fared.

        Raises:
            NotFound: none of this account, or it never had sound.
        """
        call = await self._call(caller, call_id)
        live = self._live.quality(call.call_id)
        if live is not None:
            return render_quality(live)
        sound = call.sip.get("sound")
        kept = sound.get("quality") if isinstance(sound, dict) else None
        if not isinstance(kept, dict):
            raise NotFound("nothing is known of the call's sound")
        return kept

    async def messages(self, caller: Caller, call_id: str, wanted: PageWanted, *, mode: str) -> PageFound[Json]:
        """What was said: in the last stage, or without the initial messages in all of them.

        Raises:
            NotFound: none of this account.
            Invalid: no such mode.
        """
        if mode not in MODES:
            raise invalid("mode", f"expected {' or '.join(MODES)}: {shown(mode)}")
        if mode != "in_call":
            return await self._stages.messages(caller, call_id, None, wanted)
        call = await self._call(caller, call_id)
        return (await self._store.list_messages(call.call_id, wanted)).each(render_message)

    async def events(
        self, caller: Caller, call_id: str, wanted: PageWanted, *, severity: str, type: str | None
    ) -> PageFound[Json]:
        """What happened, of `severity` or worse.

        Raises:
            NotFound: none of this account.
            Invalid: no such severity, or no type.
        """
        if severity not in SEVERITIES:
            raise invalid("minimum_severity", f"expected one of {', '.join(SEVERITIES)}: {shown(severity)}")
        if type is not None and not type:
            raise invalid("type", "expected a type of events")
        call = await self._call(caller, call_id)
        severities = SEVERITIES[SEVERITIES.index(severity) :]
        found = await self._store.list_events(call.call_id, wanted, severities=severities, type=type)
        return found.each(render_event)

    async def send_data_message(self, caller: Caller, call_id: str, body: Json) -> None:
        """Do to a call in progress what a data message says.

        Raises:
            NotFound: none of this account.
            Invalid: a message that is not understood, or not offered.
            NotNow: the call is not joined, or over.
        """
        call = await self._call(caller, call_id)
        message = validate_data_message(body)
        if message["type"] == "hang_up":
            text = message.get("message")
            done = self._live.hang_up(call.call_id, text if isinstance(text, str) else None)
        else:
            done = self._live.tell(call.call_id, message)
        if call.ended is not None or not done:
            raise NotNow("the call has ended" if call.ended is not None else "the call is not joined")

    async def create(
        self, caller: Caller, body: Json, *, prior_call_id: str | None = None, throttle: str | None = None
    ) -> JsonObject:
        """Make a call that a client joins without a phone, or whom we call over SIP.

        Args:
            caller: whose.
            body: of `POST /api/calls`, as it came.
            prior_call_id: of a call whose settings this one continues with, and whose messages it knows.
            throttle: name or id of the call throttle that counts it.

        Raises:
            Invalid: with every mistake, no such prior call or throttle, or a medium that is not offered.
            Full: a limit is reached.
        """
        given = validate_start_call(body, check_url=self._check_url, has_tool=selectable(self._store, caller))
        if prior_call_id is not None:
            given = await self._continued(caller, prior_call_id, given)
        return await self._request(caller, None, given, throttle)

    async def create_of_agent(
        self, caller: Caller, agent_id: str, body: Json, *, throttle: str | None = None
    ) -> JsonObject:
        """Make a call to an agent; see `create`.

        Raises:
            NotFound: no such agent.
            Invalid: otherwise; also when the agent's template does not fit what was given.
            Full: a limit is reached.
        """
        agent = self._agent(caller, agent_id)
        has_tool = selectable(self._store, caller)
        given = validate_start_agent_call(body, check_url=self._check_url, has_tool=has_tool)
        medium = (agent.call_template or {}).get("medium")
        return await self._request(caller, agent, {"medium": medium, **given} if medium else given, throttle)

    async def _request(self, caller: Caller, agent: Agent | None, body: JsonObject, throttle: str | None) -> JsonObject:
        _check_medium(body.get("medium"), self._requested.cannot_call)
        try:
            async with self._throttles.applied(caller, throttle):
                self._rated(caller.account)
                call = await self._requested.request(caller.account.account_id, agent, body)
        except TemplateUnfit as error:
            raise invalid("templateContext", str(error)) from None
        except NoRoom as error:
            raise Full(str(error), error.status, error.retry_after_s) from None
        return render_call(call)

    async def _continued(self, caller: Caller, prior_call_id: str, body: JsonObject) -> JsonObject:
        """A call's settings with those of a prior one behind them."""
        if "initialMessages" in body:
            raise invalid("initialMessages", "may not be given with `priorCallId`, whose messages take their place")
        try:
            prior = await self._call(caller, prior_call_id)
        except NotFound as error:
            raise invalid("priorCallId", str(error)) from None
        settings = {name: value for name, value in prior.settings.items() if name != "medium"}
        for one, other in (("voice", "externalVoice"), ("externalVoice", "voice")):
            if one in body:
                settings.pop(other, None)
        said = await self._store.messages(prior.call_id)
        messages: list[Json] = [{"role": one.role, "text": one.text, "medium": one.medium} for one in said]
        before = settings.get("initialMessages")
        return {**settings, "initialMessages": [*(before if isinstance(before, list) else []), *messages], **body}

    def _agent(self, caller: Caller, agent_id: str) -> Agent:
        found = self._store.snapshot.agents_of(caller.account.account_id).get(agent_id.lower())
        if found is None:
            raise NotFound(f"no such agent: {agent_id[:60]}")
        return found

    async def _call(self, caller: Caller, call_id: str) -> Call:
        call = await self._store.get_call(caller.account.account_id, call_id.lower())
        if call is None:
            raise NotFound(f"no such call: {call_id[:60]}")
        return call


def _check_medium(medium: Json, cannot_call: Callable[[str], str | None]) -> None:
    """Refuse what a call cannot be made for.

    Args:
        medium: validated; of the body, or of the agent's template.
        cannot_call: why a SIP URI cannot be called, in words.

    Raises:
        Invalid: any medium but `serverWebSocket` and, where it is offered, `sip.outgoing`.
    """
    name = next(iter(medium), "webRtc") if isinstance(medium, dict) else "webRtc"
    if name == "serverWebSocket":
        return
    inner = medium.get(name) if isinstance(medium, dict) else None
    if name == "sip":
        outgoing = inner.get("outgoing") if isinstance(inner, dict) else None
        if not isinstance(outgoing, dict):
            raise invalid("medium", "`sip.incoming` is not started here: such calls begin with the caller's INVITE")
        refusal = cannot_call(str(outgoing.get("to")))
        if refusal is not None:
            raise invalid("medium", refusal)
        return
    words = f"`{name}`{'' if medium else ', the default,'} is not offered; expected `serverWebSocket` or `sip.outgoing`"
    raise invalid("medium", f"{words}, or a call that comes in over SIP")
