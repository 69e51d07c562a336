"""The stages of calls: what each was set to, what was said in it, which tools it had."""

from callgate.entities.call import Call, CallStage
from callgate.entities.json import Json, JsonObject
from callgate.entities.page import PageFound, PageWanted, page_of
from callgate.operations.caller import Caller
from callgate.operations.errors import NotFound
from callgate.operations.tool_definitions import render_call_tools
from callgate.schema.call import render_message
from callgate.schema.stage import render_initial_messages, render_stage
from callgate.store.open import Store


class StageOperations:
    """What an owner may ask about the stages of a call. Every verb raises `NotFound` when the account has none such."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, caller: Caller, call_id: str, wanted: PageWanted) -> PageFound[Json]:
        """The stages of a call in the order of its entering them."""
        call = await self._call(caller, call_id)
        stages = await self._store.stages(call)
        errors = await self._store.stage_errors(call.call_id)
        found = page_of(stages, lambda stage: (stage.position,), wanted)
        return found.each(lambda stage: render_stage(stage, errors.get(stage.stage_id, 0)))

    async def get(self, caller: Caller, call_id: str, stage_id: str) -> JsonObject:
        """One stage."""
        stage = await self._stage(caller, call_id, stage_id)
        errors = await self._store.stage_errors(stage.call_id)
        return render_stage(stage, errors.get(stage.stage_id, 0))

    async def messages(self, caller: Caller, call_id: str, stage_id: str | None, wanted: PageWanted) -> PageFound[Json]:
        """What was said in a stage, after what its settings say was said before it; ``None``: in the last."""
        stage = await self._stage(caller, call_id, stage_id)
        said = await self._store.messages(stage.call_id, stage.stage_id)
        numbered = list(enumerate([*render_initial_messages(stage), *map(render_message, said)]))  # none ever goes
        return page_of(numbered, lambda one: (one[0],), wanted).each(lambda one: one[1])

    async def tools(self, caller: Caller, call_id: str, stage_id: str | None) -> list[Json]:
        """The tools that the model could use in a stage; ``None``: in the last."""
        return list(render_call_tools(await self._stage(caller, call_id, stage_id)))

    async def audio(self, caller: Caller, call_id: str, stage_id: str, index: int) -> None:
        """The sound of one message: never there, and why."""
        await self._stage(caller, call_id, stage_id)
        raise NotFound(f"message {index} has no sound of its own; the call's recording, if there is one, has all of it")

    async def _call(self, caller: Caller, call_id: str) -> Call:
        call = await self._store.get_call(caller.account.account_id, call_id.lower())
        if call is None:
            raise NotFound(f"no such call: {call_id[:60]}")
        return call

    async def _stage(self, caller: Caller, call_id: str, stage_id: str | None) -> CallStage:
        stages = await self._store.stages(await self._call(caller, call_id))
        if stage_id is None:
            return stages[-1]
        for stage in stages:
            if stage.stage_id == stage_id.lower():
                return stage
        raise NotFound(f"the call has no such stage: {stage_id[:60]}")
