"""Names of log events. A log line is a name and fields; the words are in `entities.outcomes`."""

from typing import Final

NODE_READY: Final = "node.ready"
NODE_DRAINING: Final = "node.draining"
NODE_STOPPED: Final = "node.stopped"
CALL_REFUSED: Final = "call.refused"
STRANGER_REFUSED: Final = "stranger.refused"
STRANGERS_REFUSED: Final = "strangers.refused"
CALL_ENDED: Final = "call.ended"
CALL_FAILED: Final = "call.failed"
STORE_FAILED: Final = "store.failed"
WORKER_LOST: Final = "worker.lost"
SIP_WARNING: Final = "sip.warning"
WEBHOOK_GIVEN_UP: Final = "webhook.given_up"
WEBHOOK_UNHEALTHY: Final = "webhook.unhealthy"
WEBHOOK_NORMAL: Final = "webhook.normal"
WEBHOOK_STALLED: Final = "webhook.stalled"
