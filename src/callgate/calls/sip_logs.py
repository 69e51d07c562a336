"""Which call the messages of a dialog are kept with."""

from datetime import datetime

from callgate.calls.runner import CallRunner
from callgate.entities.sip_log import SipLog
from callgate.ports import SipLogStore

DialogName = tuple[str, str, str]


class SipLogs:
    """Remembers whose each dialog is until its messages are written down, which is when both are over."""

    def __init__(self, store: SipLogStore) -> None:
        self._store = store
        self._runners: dict[DialogName, CallRunner] = {}

    def belongs(self, dialog: DialogName, runner: CallRunner) -> None:
        """A call begins or goes on in a dialog."""
        self._runners[dialog] = runner

    def keep(self, dialog: DialogName, begun: datetime, text: bytes) -> None:
        """A dialog is over. Its messages are kept, if a call came of it."""
        runner = self._runners.pop(dialog, None)
        if runner is not None and runner.call is not None:
            self._store.sip_log(SipLog(runner.call.call_id, begun, text))
