"""Names and secrets from the system's source of chance."""

import secrets
import time
import uuid


class SystemIds:
    """`ports.Ids` over the operating system's chance."""

    def uuid(self) -> str:
        """A random UUID (version 4), text."""
        return str(uuid.uuid4())

    def sortable(self) -> str:
        """A UUID of version 7: milliseconds first, so that later ones sort after earlier ones.

        RFC 9562 section 5.7 (UUID Version 7).
        """
        ms = time.time_ns() // 1_000_000
        chance = secrets.randbits(74)
        value = (ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (chance >> 62) << 64 | 0b10 << 62 | (chance & (1 << 62) - 1)
        return str(uuid.UUID(int=value))

    def token(self, size: int = 16) -> str:
        """`size` bytes of chance, URL-safe text."""
        return secrets.token_urlsafe(size)
