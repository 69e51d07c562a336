from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from callgate.calls.sip_logs import SipLogs
from callgate.entities.sip_log import SipLog

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Kept:
    logs: list[SipLog] = field(default_factory=list)

    def sip_log(self, log: SipLog) -> None:
        self.logs.append(log)


@dataclass
class Running:
    """As much of a runner as counts here."""

    call: Any


@dataclass
class Named:
    call_id: str


def test_messages_go_with_the_call_that_came_of_their_dialog() -> None:
    kept = Kept()
    logs = SipLogs(kept)
    first, refused = cast("Any", Running(Named("call"))), cast("Any", Running(None))
    logs.belongs(("a", "1", "2"), first)
    logs.belongs(("b", "1", "2"), first)  # it goes on over another leg
    logs.belongs(("c", "1", "2"), refused)
    for name in "abc":
        logs.keep((name, "1", "2"), START, name.encode())
    logs.keep(("a", "1", "2"), START, b"again")
    logs.keep(("nobody's", "1", "2"), START, b"x")
    assert kept.logs == [SipLog("call", START, b"a"), SipLog("call", START, b"b")]
