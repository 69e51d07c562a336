"""Ringing that must be acknowledged: the machine of `core.sip.reliable` on the wire of one INVITE."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakMethod

from callgate.core.sip.message import Response
from callgate.core.sip.reliable import FIRST_NUMBER_MAX, TAG, Effect, Input, RAck, Responses, required
from callgate.ports import Alarm
from callgate.signaling.exchange import ServerExchange

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class ReliableResponses:
    """The reliable provisional responses to one INVITE, and the 2xx that may have to wait for their PRACK."""

    def __init__(
        self,
        endpoint: "SipEndpoint",
        exchange: ServerExchange,
        answer: Callable[[], None],
        given_up: Callable[[], None],
    ) -> None:
        """Keep the responses to the INVITE of `exchange`.

        Args:
            endpoint: clock, alarms, chance.
            exchange: the INVITE's.
            answer: sends the 2xx, once it may go.
            given_up: told when no PRACK has come for 64·T1.
        """
        self._endpoint = endpoint
        self._exchange = exchange
        # Methods of the leg, which holds this: a circle would wait for the collector.
        self._answer, self._given_up = WeakMethod(answer), WeakMethod(given_up)
        self._machine = Responses(endpoint.timers, exchange.request, 1 + endpoint.number(FIRST_NUMBER_MAX))
        self._sent: Response | None = None
        self._alarm: Alarm | None = None

    @property
    def required(self) -> bool:
        """Whether the peer requires every response beyond 100 to be one of these."""
        return required(self._exchange.request)

    def send(self, response: Response) -> None:
        """Send a provisional response reliably; nothing happens while the one before waits for its PRACK."""
        effects = self._take(Input.OFFER if response.body else Input.RING)
        if Effect.SEND in effects:
            response.headers.add("Require", TAG)
            response.headers.add("RSeq", str(self._machine.number))
            self._sent = response
            self._exchange.respond(response)

    def acknowledges(self, rack: RAck) -> bool:
        """Whether a PRACK is of the response that waits for one; say `acknowledged` when it has been answered."""
        return self._machine.acknowledges(rack)

    def acknowledged(self) -> None:
        """The PRACK has been answered."""
        self._carry_out(self._take(Input.PRACK))

    def answer(self) -> None:
        """The 2xx is to go as soon as it may."""
        self._carry_out(self._take(Input.ANSWER))

    def refused(self) -> None:
        """Another final response has been sent."""
        self._take(Input.REFUSE)

    def _take(self, input: Input) -> tuple[Effect, ...]:
        effects = self._machine.take(input, self._endpoint.clock.monotonic())
        self._arm()
        return effects

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        if Effect.REPEAT in effects and self._sent is not None:
            self._exchange.respond(self._sent)
        if Effect.ANSWER in effects:
            self._call(self._answer)
        if Effect.REFUSE in effects:
            self._call(self._given_up)

    def _arm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self._machine.due()
        if due is not None:
            self._alarm = self._endpoint.alarms.after(due - self._endpoint.clock.monotonic(), self._ring)

    def _ring(self) -> None:
        effects = self._machine.wake(self._endpoint.clock.monotonic())
        self._arm()
        self._carry_out(effects)

    @staticmethod
    def _call(method: WeakMethod[Callable[[], None]]) -> None:
        living = method()
        if living is not None:
            living()
