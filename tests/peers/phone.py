"""The built-in phone as a caller."""

import asyncio
from typing import Any

from callgate.phone.phone import place_call
from callgate.phone.report import CallReport
from tests.peers.gate import Gate


class Phone:
    """Calls users of a gate, and waits for the end.

    Args:
        gate: whom to call.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def calls(self, user: str, **how: Any) -> CallReport:
        """Place one call: see `place_call` for `how`."""
        return asyncio.run(place_call(self._gate.uri(user), **how))
