"""Session timers: who keeps a call's session alive, how often, and when it is given up, as a table.

RFC 4028 (Session Timers in the Session Initiation Protocol (SIP)). Time is passed in; nothing is sent here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from callgate.core.sip.message import Request, Response
from callgate.core.sip.parameters import parameter, parse_parameters
from callgate.entities.attempt import Defect

TAG: Final = "timer"
INTERVAL_S_MIN: Final = 90
"""RFC 4028 section 4 (Session-Expires Header Field Definition): the absolute minimum."""
INTERVAL_S_MAX: Final = 86_400
"""A day: whoever asks for more is refreshed this often. Longer ones are mistakes, or hostile."""
LAST_CHANCE_S: Final = 32.0
"""RFC 4028 section 10 (Performing Refreshes): a BYE goes this long before the end, or a third of the interval."""
TRIES_MAX: Final = 5
"""Refreshes tried in a row while the peer says that it is busy; then it has until half of the next interval."""

_SECONDS: Final = re.compile(r"[0-9]{1,10}")


# ------------------------------------------------------------------------------------------------------------ on paper


@dataclass(frozen=True, slots=True)
class Wish:
    """What a message says of refreshes. What is malformed says nothing: no call is lost for a timer.

    Attributes:
        interval_s: of Session-Expires; ``None`` without one.
        refresher: its ``uac`` or ``uas``; ``None`` when it leaves that open.
        minimum_s: of Min-SE, `INTERVAL_S_MIN` at least.
        supported: whether its sender knows session timers.
    """

    interval_s: int | None
    refresher: str | None
    minimum_s: int
    supported: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed on.

    Attributes:
        interval_s: the session's; refreshed at half.
        we_refresh: whether refreshing is ours.
    """

    interval_s: int
    we_refresh: bool


def read_wish(message: Request | Response) -> Wish:
    """What a message says of refreshes."""
    headers = message.headers
    interval_s = refresher = None
    value = headers.get("Session-Expires")
    if value is not None:
        interval_s, refresher = _interval(value)
    minimum_s, _ = _interval(headers.get("Min-SE") or "")
    supported = TAG in message.option_tags("Supported") | message.option_tags("Require")
    return Wish(interval_s, refresher, max(minimum_s or 0, INTERVAL_S_MIN), supported)


def _interval(value: str) -> tuple[int | None, str | None]:
    seconds, _, rest = value.partition(";")
    seconds = seconds.strip(" \t")
    if not _SECONDS.fullmatch(seconds):
        return None, None
    try:
        refresher = (parameter(parse_parameters(rest), "refresher") or "").lower() if rest else ""
    except ValueError:
        refresher = ""
    return int(seconds), refresher if refresher in ("uac", "uas") else None


def too_small(request: Request) -> Defect | None:
    """The 422 for an interval below the minimum; ``None`` for what can be served.

    A sender that knows no session timers could not make anything of a 422: its interval is raised instead, as RFC 4028
    section 8.1 (Proxy Behavior, Processing of Requests) does and erratum 1687 wants of a UAS.
    """
    if request.method not in ("INVITE", "UPDATE") or "Session-Expires" not in request.headers:
        return None
    wish = read_wish(request)
    if wish.interval_s is None or wish.interval_s >= INTERVAL_S_MIN or not wish.supported:
        return None
    reason = f"session interval is {wish.interval_s} s, expected {INTERVAL_S_MIN} or more"
    return Defect(422, reason, (("Min-SE", str(INTERVAL_S_MIN)),))


def answer(request: Request, preferred_s: int) -> tuple[Terms, tuple[tuple[str, str], ...]]:
    """What our 2xx to an INVITE or UPDATE agrees to. RFC 4028 section 9 (UAS Behavior).

    Args:
        request: it; `too_small` has seen it.
        preferred_s: the interval that we would like; a longer one is cut to it.

    Returns:
        The terms, and the headers that say so.
    """
    wish = read_wish(request)
    interval_s = preferred_s
    if wish.interval_s is not None:
        interval_s = min(interval_s, max(wish.interval_s, INTERVAL_S_MIN))
    interval_s = min(max(interval_s, wish.minimum_s), INTERVAL_S_MAX)
    # Where the choice is ours we refresh: who sends the refreshes also knows that they are sent. See decision 0024.
    we_refresh = not wish.supported or wish.refresher != "uac"
    headers = [("Session-Expires", f"{interval_s};refresher={'uas' if we_refresh else 'uac'}")]
    if wish.supported:
        headers.append(("Require", TAG))
    return Terms(interval_s, we_refresh), tuple(headers)


def accepted(response: Response, terms: Terms | None) -> Terms | None:
    """What the peer's 2xx to our INVITE or UPDATE agrees to. RFC 4028 section 7.2 (Processing a 2xx Response).

    Args:
        response: it.
        terms: those of our request; ``None`` when it asked for none.

    Returns:
        The terms; where the response says nothing, ours, with the refreshing left to us; ``None`` without any.
    """
    wish = read_wish(response)
    if wish.interval_s is None:
        return None if terms is None else Terms(terms.interval_s, we_refresh=True)
    interval_s = min(max(wish.interval_s, INTERVAL_S_MIN), INTERVAL_S_MAX)
    return Terms(interval_s, we_refresh=wish.refresher != "uas")


def retry_after_s(response: Response) -> int | None:
    """What a refusal asks us to wait; ``None`` when it says nothing of that. RFC 3261 section 20.33 (Retry-After)."""
    found = _SECONDS.match((response.headers.get("Retry-After") or "").strip(" \t"))
    return int(found.group()) if found else None


# ------------------------------------------------------------------------------------------------------------- in time


class State(Enum):
    """Where a session's refreshes stand."""

    ASLEEP = auto()  # nothing has been agreed on
    OURS = auto()  # we are to refresh, at half of the interval
    SENT = auto()  # our refresh is on its way
    THEIRS = auto()  # the peer is to refresh
    OVER = auto()


class Input(Enum):
    """What happens to them."""

    WE_REFRESH = auto()  # a 2xx, ours or theirs, has refreshed the session, and the next time is ours
    PEER_REFRESHES = auto()  # likewise, and the next time is the peer's
    DUE = auto()  # the time to refresh, to try again, or to give up
    REFUSED = auto()  # our refresh was, by a peer that knows the call
    BUSY = auto()  # the peer, or we ourselves, cannot just now
    GONE = auto()  # the peer knows no such call, or says nothing at all: 481, 408
    ENDED = auto()


class Effect(Enum):
    """What is to be done."""

    REFRESH = auto()  # send one
    END = auto()  # send BYE
    WAIT_HALF = auto()  # half of the interval
    WAIT_SHORT = auto()  # as long as the input said
    WAIT_LAST = auto()  # all of it but the last chance


@dataclass(frozen=True, slots=True)
class Move:
    """What an input does: the next state, and what is to be done, in order."""

    state: State
    effects: tuple[Effect, ...] = ()


_S, _I, _E = State, Input, Effect
_OURS: Final = Move(_S.OURS, (_E.WAIT_HALF,))
_THEIRS: Final = Move(_S.THEIRS, (_E.WAIT_LAST,))
_END: Final = Move(_S.OVER, (_E.END,))

TRANSITIONS: Final[Mapping[tuple[State, Input], Move]] = {
    **{(state, _I.WE_REFRESH): _OURS for state in (_S.ASLEEP, _S.OURS, _S.SENT, _S.THEIRS)},
    **{(state, _I.PEER_REFRESHES): _THEIRS for state in (_S.ASLEEP, _S.OURS, _S.SENT, _S.THEIRS)},
    **{(state, _I.ENDED): Move(_S.OVER) for state in (_S.ASLEEP, _S.OURS, _S.SENT, _S.THEIRS)},
    (_S.OURS, _I.DUE): Move(_S.SENT, (_E.REFRESH, _E.WAIT_HALF)),
    (_S.SENT, _I.DUE): _END,  # a peer that says 100 Trying and no more
    # RFC 4028 section 10: only 408 and 481 end the session. A 401 or 407 is a refusal like others: we hold no
    # credentials of callers, and whoever asks for them is there.
    (_S.SENT, _I.REFUSED): _OURS,
    (_S.SENT, _I.BUSY): Move(_S.OURS, (_E.WAIT_SHORT,)),
    (_S.SENT, _I.GONE): _END,
    (_S.OURS, _I.GONE): _END,
    (_S.THEIRS, _I.GONE): _END,
    (_S.THEIRS, _I.DUE): _END,
}
_OVERTAKEN: Final = "a refresh of the peer's has overtaken the answer to ours"
ABSORBED: Final[Mapping[tuple[State, Input], str]] = {
    **{(state, input): _OVERTAKEN for state in (_S.OURS, _S.THEIRS) for input in (_I.REFUSED, _I.BUSY)},
    **{(_S.OVER, input): "it came when the session was over" for input in Input},
}


class ImpossibleInput(AssertionError):
    """Our own code brought an input that cannot come in this state: a bug."""


class SessionTimer:
    """The refreshes of one dialog.

    Attributes:
        state: where they stand.
        interval_s: the session's, as agreed on last.
    """

    __slots__ = ("_deadline", "_tries", "interval_s", "state")

    def __init__(self) -> None:
        self.state = State.ASLEEP
        self.interval_s = 0
        self._deadline: float | None = None
        self._tries = 0

    def due(self) -> float | None:
        """When to call `wake` next; ``None`` when nothing is waiting."""
        return self._deadline

    def wake(self, now: float) -> tuple[Effect, ...]:
        """Time has passed."""
        if self._deadline is None or now < self._deadline:
            return ()
        return self.take(Input.DUE, now)

    def agree(self, terms: Terms, now: float) -> None:
        """A 2xx has refreshed the session."""
        self.interval_s = terms.interval_s
        self.take(Input.WE_REFRESH if terms.we_refresh else Input.PEER_REFRESHES, now)

    def take(self, input: Input, now: float, wait_s: float = 0.0) -> tuple[Effect, ...]:
        """Something happened: what is to be done beyond waiting, which is seen to here.

        Args:
            input: what.
            now: seconds on a monotonic clock.
            wait_s: with `Input.BUSY`, until we try again.

        Raises:
            ImpossibleInput: it cannot happen in this state.
        """
        if input is Input.BUSY and self.state is State.SENT:
            self._tries += 1
            if self._tries >= TRIES_MAX:
                input = Input.REFUSED
        found = TRANSITIONS.get((self.state, input))
        if found is None:
            if (self.state, input) in ABSORBED:
                return ()
            raise ImpossibleInput(f"session timer in {self.state.name}: {input.name} cannot happen")
        self.state = found.state
        if input in (Input.WE_REFRESH, Input.PEER_REFRESHES, Input.REFUSED):
            self._tries = 0
        self._deadline = None
        outward = []
        for effect in found.effects:
            match effect:
                case Effect.WAIT_HALF:
                    self._deadline = now + self.interval_s / 2
                case Effect.WAIT_SHORT:
                    self._deadline = now + wait_s
                case Effect.WAIT_LAST:
                    self._deadline = now + self.interval_s - min(LAST_CHANCE_S, self.interval_s / 3)
                case _:
                    outward.append(effect)
        return tuple(outward)
