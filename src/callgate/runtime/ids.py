"""Names and secrets from the system's source of chance."""

import secrets
import time
import uuid


class SystemIds:
    """`ports.Ids` over the operating system's chance."""

    def __init__(self) -> None:
        self._last = 0

    def uuid(self) -> str:
        """A random UUID (version 4), text."""
        return str(uuid.uuid4())

    def sortable(self) -> str:
        """A UUID of version 7: milliseconds first, so that later ones sort after earlier ones, also within one of them.

        RFC 9562 section 5.7 (UUID Version 7) and section 6.2 (Monotonicity and Counters), method 2.
        """
        moment = (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 74 | secrets.randbits(74)
        # A clock that stands still or goes back must not make a later name sort before an earlier one.
        self._last = moment if moment >> 74 > self._last >> 74 else self._last + 1 + secrets.randbits(32)
        chance = self._last & (1 << 74) - 1
        value = (self._last >> 74) << 80 | 0x7 << 76 | chance >> 62 << 64 | 0b10 << 62 | chance & (1 << 62) - 1
        return str(uuid.UUID(int=value))

    def token(self, size: int = 16) -> str:
        """`size` bytes of chance, URL-safe text."""
        return secrets.token_urlsafe(size)

    def number(self, below: int) -> int:
        """A number from 0 up to, but not, `below`."""
        return secrets.randbelow(below)
