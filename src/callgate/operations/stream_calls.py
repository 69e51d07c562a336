"""The control of calls as bots of media streams know it: a small look-alike of Twilio's REST interface for calls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from callgate.core.dialects.stream_ids import account_sid, call_id_of, call_sid
from callgate.core.dialects.twiml import Digits, Hangup, Pause, Stay, TwimlError, Verb, read_twiml
from callgate.entities.call import Call
from callgate.entities.json import JsonObject
from callgate.operations.caller import Caller
from callgate.ports import LiveCalls
from callgate.runtime.tasks import TaskOwner
from callgate.store.open import Store

_WAIT_S: Final = 0.5  # of a ``w`` among digits
_KEY_S: Final = 0.3  # that a key takes, with the pause after it


class StreamCallRefused(Exception):
    """A request that cannot be done.

    Attributes:
        status: of HTTP.
        code: Twilio's number for the kind of error.
    """

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code


class StreamCallOperations:
    """What a bot may ask of the call it serves.

    Args:
        store: what is kept.
        live: the calls in progress.
        tasks: who owns what runs in the background.
        wait: for so many seconds.
    """

    def __init__(
        self,
        store: Store,
        live: LiveCalls,
        tasks: TaskOwner,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._live = live
        self._tasks = tasks
        self._wait = wait

    async def get(self, caller: Caller, sid: str) -> JsonObject:
        """The call.

        Raises:
            StreamCallRefused: there is none.
        """
        return _rendered(await self._call(caller, sid))

    async def update(self, caller: Caller, sid: str, form: Mapping[str, str]) -> JsonObject:
        """End the call (``Status=completed``), or do what a document says (``Twiml``).

        Raises:
            StreamCallRefused: no such call, it is over, or what was asked for is not offered.
        """
        call = await self._call(caller, sid)
        status, twiml = form.get("Status"), form.get("Twiml")
        if (status is None) == (twiml is None):
            raise StreamCallRefused(400, 20001, "expected either Status=completed or Twiml; Url is not offered")
        if status is not None and status not in ("completed", "canceled"):
            raise StreamCallRefused(400, 20001, f"Status is {status[:40]!r}; expected completed")
        try:
            verbs: tuple[Verb, ...] = (Hangup(),) if twiml is None else read_twiml(twiml)
        except TwimlError as error:
            raise StreamCallRefused(400, 12100, str(error)) from None
        if call.ended is not None or not self._live.is_live(call.call_id):
            raise StreamCallRefused(404, 20404, f"the call {sid} has ended")
        if verbs == (Hangup(),):
            if not self._live.hang_up(call.call_id):
                raise StreamCallRefused(400, 21220, f"the call {sid} is not in progress")
            return {**_rendered(call), "status": "completed"}
        self._tasks.spawn(self._obey(call.call_id, verbs), name="obey a document")
        return _rendered(call)

    async def _obey(self, call_id: str, verbs: tuple[Verb, ...]) -> None:
        """One after the other; a document that ends without a stream ends the call."""
        for verb in verbs:
            match verb:
                case Digits(digits):
                    for part in digits.replace("W", "w").split("w"):
                        if part:
                            self._live.press(call_id, part)
                        await self._wait(len(part) * _KEY_S + _WAIT_S)
                case Pause(seconds):
                    await self._wait(seconds)
                case Stay():
                    return
                case Hangup():
                    break
        self._live.hang_up(call_id)

    async def _call(self, caller: Caller, sid: str) -> Call:
        call_id = call_id_of(sid)
        call = None if call_id is None else await self._store.get_call(caller.account.account_id, call_id)
        if call is None:
            raise StreamCallRefused(404, 20404, f"no such call: {sid[:60]}")
        return call


def _rendered(call: Call) -> JsonObject:
    sid, account = call_sid(call.call_id), account_sid(call.account_id)
    if call.ended is not None:
        status = "completed" if call.joined is not None else "failed"
    else:
        status = "ringing" if call.joined is None else "in-progress"
    return {
        "sid": sid,
        "account_sid": account,
        "status": status,
        "direction": "inbound",
        "from": call.sip.get("from"),
        "to": call.sip.get("to"),
        "uri": f"/2010-04-01/Accounts/{account}/Calls/{sid}.json",
    }
