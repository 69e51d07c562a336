"""A 2xx to an INVITE: sent, and again until its ACK comes. RFC 3261 section 13.3.1.4 (The INVITE is Accepted)."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakMethod

from callgate.core.sip.dialog import Repetition
from callgate.core.sip.message import Request, Response
from callgate.ports import Alarm
from callgate.signaling.exchange import ServerExchange

if TYPE_CHECKING:
    from callgate.signaling.endpoint import SipEndpoint


class Acceptance:
    """The accepted INVITE of a dialog; there is one at a time."""

    def __init__(self, endpoint: "SipEndpoint", given_up: Callable[[], None]) -> None:
        """`given_up`, a method of the side, is told when no ACK has come for 64·T1.

        The side is not held: it holds this, and a circle would wait for the collector.
        """
        self._endpoint = endpoint
        self._given_up = WeakMethod(given_up)
        self._sent: tuple[ServerExchange, Response, Repetition] | None = None
        self._alarm: Alarm | None = None

    @property
    def waiting(self) -> bool:
        """Whether an ACK is awaited."""
        return self._sent is not None

    def send(self, exchange: ServerExchange, answer: Response) -> None:
        """Send a 2xx."""
        repetition = Repetition(self._endpoint.timers, self._endpoint.clock.monotonic())
        self._sent = exchange, answer, repetition
        exchange.respond(answer)
        self._arm(repetition)

    def acknowledged(self, ack: Request) -> bool:
        """An ACK came; whether it is the one awaited. Others are copies, or belong to an INVITE before this one."""
        if self._sent is None or ack.cseq.number != self._sent[0].request.cseq.number:
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """Wait no longer."""
        self._sent = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _arm(self, repetition: Repetition) -> None:
        self._alarm = self._endpoint.alarms.after(repetition.due() - self._endpoint.clock.monotonic(), self._repeat)

    def _repeat(self) -> None:
        if self._sent is None:
            return
        exchange, answer, repetition = self._sent
        if repetition.wake(self._endpoint.clock.monotonic()):
            exchange.respond(answer)
            self._arm(repetition)
            return
        self.stop()
        given_up = self._given_up()
        if given_up is not None:
            given_up()
