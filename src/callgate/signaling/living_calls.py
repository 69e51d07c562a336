"""The Call-IDs of dialogs and requests that live, so that their messages are known before anything is parsed."""

import re
from collections import Counter
from typing import Final

_CALL_ID: Final = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)


class LivingCalls:
    """A Call-ID counts as often as it was entered."""

    def __init__(self) -> None:
        self._call_ids: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._call_ids)

    def enter(self, call_id: str) -> None:
        """Something with this Call-ID begins."""
        self._call_ids[_bytes(call_id)] += 1

    def leave(self, call_id: str) -> None:
        """It is over."""
        key = _bytes(call_id)
        self._call_ids[key] -= 1
        if self._call_ids[key] <= 0:
            del self._call_ids[key]

    def named_in(self, data: bytes) -> bool:
        """Whether the message in a datagram bears one of them; bytes that are no message bear none."""
        if not self._call_ids:
            return False
        found = _CALL_ID.search(data)
        return found is not None and found[1].rstrip(b" \t") in self._call_ids


def _bytes(call_id: str) -> bytes:
    return call_id.encode("utf-8", "surrogateescape")
