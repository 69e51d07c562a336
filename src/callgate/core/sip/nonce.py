"""Nonces that need no memory until somebody has proved to know a password with one.

A nonce holds its own time and is sealed, so that any number of challenges cost nothing. What is remembered is how often
one has been used with success: a proof counts once, RFC 7616 section 3.3 (The WWW-Authenticate Response Header Field).
"""

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections import OrderedDict
from typing import Final

# Caller and time tell nonces apart: 48 bits of what asks, within one second. 80 bits of seal are beyond guessing while
# a nonce lives.
_ABOUT_BYTES: Final = 6
_SEAL_BYTES: Final = 10
_TIME: Final = struct.Struct(">I")
_NONCE_CHARS: Final = 27  # of 20 bytes in base64, without its padding

NONCES_MAX: Final = 10_000
"""Used nonces remembered; callers at work in one life of a nonce. Each costs some 200 bytes."""


class Nonces:
    """Makes nonces and knows its own. `now` is in seconds on any clock that never goes back.

    Args:
        secret: of this process, so that nobody can forge one.
        life_s: how long one is good.
        nonces_max: used ones remembered. When there are more, the oldest goes, and with it every nonce that is older
            and has not been used: none of them can be known to be new.
    """

    def __init__(self, secret: bytes, *, life_s: float, nonces_max: int = NONCES_MAX) -> None:
        self._secret = secret
        self._life_s = life_s
        self._nonces_max = nonces_max
        # Strangers are not to read from a nonce how long this machine has been up.
        self._offset = int.from_bytes(self._seal(b"offset", "")[:4], "big")
        self._used: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when it was made, the highest count
        self._lost = float("-inf")  # what was made until then is good only while it is remembered

    def __len__(self) -> int:
        """How many used ones are remembered."""
        return len(self._used)

    def make(self, about: bytes, source: str, now: float) -> str:
        """A nonce for one challenge.

        Args:
            about: what is challenged: another request, another nonce.
            source: the address that is to use it; it is worth nothing elsewhere.
            now: when.
        """
        stamp = _TIME.pack((int(now) + self._offset) & 0xFFFFFFFF)
        asked = hashlib.sha256(about).digest()[:_ABOUT_BYTES]
        return urlsafe_b64encode(stamp + asked + self._seal(stamp + asked, source)).decode().rstrip("=")

    def made_at(self, nonce: str, source: str, now: float) -> float | None:
        """When one of ours was made for this source, in whole seconds; ``None`` when it is not good any more."""
        if len(nonce) != _NONCE_CHARS:
            return None
        try:
            data = urlsafe_b64decode(nonce.encode() + b"=")
        except (Error, ValueError):
            return None
        head, seal = data[:-_SEAL_BYTES], data[-_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(head, source)):
            return None
        age = (int(now) + self._offset - _TIME.unpack(head[: _TIME.size])[0]) & 0xFFFFFFFF
        made = float(int(now) - age)
        if age > self._life_s or (made <= self._lost and nonce not in self._used):
            return None
        return made

    def use(self, nonce: str, source: str, count: int, now: float) -> bool:
        """Use a nonce with which a password has been proved.

        Args:
            nonce: as the credentials say it.
            source: where they come from.
            count: likewise, 1 or more; each counts once, and in order.
            now: when.

        Returns:
            ``False`` when it is not good any more, or when the proof may have been used before.
        """
        made = self.made_at(nonce, source, now)
        if made is None or count <= self._used.get(nonce, (made, 0))[1]:
            return False
        self._used[nonce] = (made, count)
        while self._used and next(iter(self._used.values()))[0] < now - self._life_s - 1:
            self._used.popitem(last=False)
        if len(self._used) > self._nonces_max:
            self._lost = max(self._lost, self._used.popitem(last=False)[1][0])
        return True

    def _seal(self, data: bytes, source: str) -> bytes:
        sealed = data + source.encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, sealed, hashlib.sha256).digest()[:_SEAL_BYTES]
