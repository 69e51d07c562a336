"""Keeps one call's session alive: the machine of `core.sip.session_timer`, its alarm, and the refreshes it asks for."""

from typing import TYPE_CHECKING, Final
from weakref import proxy

from callgate.core.sip.message import Request, Response
from callgate.core.sip.session_timer import (
    INTERVAL_S_MAX,
    INTERVAL_S_MIN,
    Effect,
    Input,
    SessionTimer,
    State,
    Terms,
    accepted,
    answer,
    read_wish,
    retry_after_s,
)
from callgate.ports import Alarm
from callgate.signaling.exchange import NO_ANSWER

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint
    from callgate.signaling.within_dialog import WithinDialog

# Until we try again when an exchange of the peer's is under way; RFC 3261 section 14.1 has as much at most for a 491.
_OWN_BUSY_S: Final = 2.0


class SessionKeeper:
    """The session of one dialog."""

    def __init__(self, side: "WithinDialog", endpoint: "SipEndpoint") -> None:
        self._side = proxy(side)  # which holds this: a circle would wait for the collector
        self._endpoint = endpoint
        self._timer = SessionTimer()
        self._minimum_s = INTERVAL_S_MIN
        self._updates = True  # until the peer refuses one for its method
        self._alarm: Alarm | None = None

    def accept(self, request: Request) -> tuple[tuple[str, str], ...]:
        """Agree with an INVITE or UPDATE of the peer's; the headers for our 2xx, which goes now."""
        terms, headers = answer(request, self._endpoint.session_expires_s)
        self._minimum_s = max(self._minimum_s, read_wish(request).minimum_s)
        self._agree(terms)
        return headers

    def accepted(self, response: Response) -> None:
        """The peer's 2xx to our first INVITE came."""
        terms = accepted(response, None)
        if terms is not None:
            self._agree(terms)

    def stop(self) -> None:
        """The dialog is over."""
        self._take(Input.ENDED)

    def _agree(self, terms: Terms) -> None:
        self._timer.agree(terms, self._endpoint.clock.monotonic())
        self._arm()

    def _take(self, input: Input, wait_s: float = 0.0) -> None:
        theirs = self._timer.state is State.THEIRS
        self._carry_out(self._timer.take(input, self._endpoint.clock.monotonic(), wait_s), theirs)

    def _wake(self) -> None:
        theirs = self._timer.state is State.THEIRS
        self._carry_out(self._timer.wake(self._endpoint.clock.monotonic()), theirs)

    def _carry_out(self, effects: tuple[Effect, ...], theirs: bool) -> None:
        self._arm()
        if Effect.REFRESH in effects:
            self._refresh()
        if Effect.END in effects:
            words = "the session was not refreshed in time" if theirs else "a refresh of the session was not answered"
            self._side.leave(words)
            self._side.on_vanished(words)

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self._timer.due()
        if due is not None:
            self._alarm = self._endpoint.alarms.after(due - self._endpoint.clock.monotonic(), self._wake)

    # ---------------------------------------------------------------------------------------------- refreshes of ours

    def _refresh(self) -> None:
        headers = [("Session-Expires", f"{self._timer.interval_s};refresher=uac")]
        if self._minimum_s > INTERVAL_S_MIN:
            headers.append(("Min-SE", str(self._minimum_s)))
        if self._by_update:
            self._side.update(headers, self._responded, self._failed)
        elif self._side.may_reinvite:
            self._side.reinvite(headers, self._responded, self._failed)
        else:
            self._take(Input.BUSY, _OWN_BUSY_S)

    @property
    def _by_update(self) -> bool:
        return self._updates and "UPDATE" in self._side.peer_allows

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status < 300:
            terms = accepted(response, Terms(self._timer.interval_s, we_refresh=True))
            assert terms is not None, "a request that asked for terms gets some"
            self._agree(terms)
        elif response.status in (408, 481):
            self._take(Input.GONE)
        else:
            wait_s = self._wait_s(response)
            if wait_s is None:
                self._take(Input.REFUSED)
            else:
                self._take(Input.BUSY, wait_s)

    def _wait_s(self, response: Response) -> float | None:
        """When to try again; ``None``: not before the next time."""
        match response.status:
            case 422:
                # RFC 4028 section 7.3 (Processing a 422 Response).
                wanted_s = read_wish(response).minimum_s
                if not self._timer.interval_s < wanted_s <= INTERVAL_S_MAX:
                    return None
                self._timer.interval_s = self._minimum_s = wanted_s
                return 0.0
            case 405 | 501 if self._by_update:
                self._updates = False
                return 0.0
            case 491:
                # RFC 3261 section 14.1 (UAC Behavior): whoever made the Call-ID waits longer.
                chance = self._endpoint.number
                return 2.1 + chance(191) / 100 if self._side.owns_call_id else chance(201) / 100
        wait_s = retry_after_s(response)
        return wait_s if wait_s is not None and wait_s < self._timer.interval_s / 2 else None

    def _failed(self, reason: str) -> None:
        # RFC 3261 section 8.1.3.1 (Transaction Layer Errors): no response is a 408; one that could not be sent, a 503.
        self._take(Input.GONE if reason == NO_ANSWER else Input.REFUSED)
