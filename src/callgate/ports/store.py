"""What running calls and the delivery of events need of the store."""

from collections.abc import Mapping
from typing import Protocol

from callgate.entities.call import Call, CallEvent, CallStage, Message, OutboxEvent
from callgate.entities.decision import DecisionRecord
from callgate.entities.sip_log import SipLog
from callgate.entities.webhook import Delivery, WebhookHealth


class CallStore(Protocol):
    """What running calls need of the store. Each `await` returns when the fact is committed."""

    async def call_started(self, call: Call, record: DecisionRecord | None, event: OutboxEvent) -> None:
        """Write a new call, its decision (unless nothing was to be decided) and its event, in one transaction."""
        ...

    async def call_joined(self, call: Call, event: OutboxEvent) -> None:
        """Write that the caller talks to the agent (the call's mutable fields as they are now)."""
        ...

    async def call_ended(self, call: Call, *events: OutboxEvent) -> None:
        """Write the end of a call, and all that is to be told of it."""
        ...

    def message(self, message: Message) -> None:
        """Queue a message; written within 200 ms, in order, and before the end of its call."""
        ...

    def call_event(self, event: CallEvent) -> None:
        """Queue an event, likewise."""
        ...

    def call_stage(self, stage: CallStage) -> None:
        """Queue a stage, likewise: the first when there is a second; from then on the call is as its newest says."""
        ...

    def decision(self, record: DecisionRecord) -> None:
        """Queue the record of a refusal; written within 200 ms. When the queue is full, strangers' go first."""
        ...


class SipLogStore(Protocol):
    """Who keeps the SIP of calls."""

    def sip_log(self, log: SipLog) -> None:
        """Queue the messages of a dialog; of a call that has been deleted meanwhile nothing is kept."""
        ...


class DeliveryStore(Protocol):
    """What the delivery of events needs of the store."""

    async def waiting_deliveries(self, after: Delivery | None, *, limit: int) -> list[Delivery]:
        """What is to be delivered, in the order of events, from behind `after`; none: that is all."""
        ...

    async def outbox_event(self, event_id: str) -> OutboxEvent | None:
        """One event; ``None`` when it is no longer kept."""
        ...

    def delivery_tried(self, delivery: Delivery) -> None:
        """Queue what came of a try; written within 200 ms."""
        ...

    async def webhook_healths(self) -> Mapping[str, WebhookHealth]:
        """How every webhook fares, by id."""
        ...

    def webhook_fares(self, webhook_id: str, health: WebhookHealth) -> None:
        """Queue how a webhook fares."""
        ...
