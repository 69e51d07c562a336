"""SRTP of one leg: what leaves is encrypted, what comes is checked and decrypted, and what fails is counted.

RFC 3711 (The Secure Real-time Transport Protocol); the ciphers are libsrtp's. What it is not told of is done here: a
master key identifier that the peer's packets carry is taken out before they are checked, which changes nothing for the
check (RFC 3711 section 3.1: the identifier is not authenticated).

Nothing here raises, whatever comes: a worker has other calls to carry.
"""

from typing import Final

from pylibsrtp import Error, Policy, Session

from callgate.core.sdp.path import Crypto

_PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}
# What stands behind the master key identifier: the authentication tag, of 80 bits on SRTCP under either of the HMAC
# suites (RFC 4568 section 6.2.2 (AES_CM_128_HMAC_SHA1_32)). Under GCM the tag belongs to the ciphertext (RFC 7714
# section 9 (AES-GCM Processing for SRTCP)).
_TAG_BYTES: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4, "AEAD_AES_128_GCM": 0}
_SRTCP_TAG_BYTES: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 10, "AEAD_AES_128_GCM": 0}

_RTP_BYTES_MIN: Final = 12
_RTCP_BYTES_MIN: Final = 8
# Packets that come late or twice are told apart within so many: 2.5 s of sound. RFC 3711 section 3.3.2 (Replay
# Protection) asks for 64.
_REPLAY_WINDOW_PACKETS: Final = 128
_REPLAYED: Final = frozenset(("replay check failed (bad index)", "replay check failed (index too old)"))


class Srtp:
    """Both directions of one leg, under the keys of its SDP.

    Attributes:
        unauthenticated: packets that came with a wrong key, or in the clear: these cannot be told apart.
        replayed: packets that came a second time, or too late to be told from such.
    """

    def __init__(self, crypto: Crypto) -> None:
        self.unauthenticated = 0
        self.replayed = 0
        self._crypto = crypto
        self._out = _outbound(crypto)
        self._in = _inbound(crypto)

    @property
    def dropped(self) -> int:
        """All packets that were not let through."""
        return self.unauthenticated + self.replayed

    def rekey(self, crypto: Crypto) -> None:
        """Take what was agreed anew. A direction whose key stays goes on counting its packets (the roll-over counter).

        RFC 3711 section 3.3.1: only a new master key sets that counter to nought.
        """
        before, self._crypto = self._crypto, crypto
        if (crypto.suite, crypto.local_key) != (before.suite, before.local_key):
            self._out = _outbound(crypto)
        if (crypto.suite, crypto.remote_key) != (before.suite, before.remote_key):
            self._in = _inbound(crypto)

    def protect(self, packet: bytes) -> bytes | None:
        """An RTP packet as it is to be sent; ``None`` when it cannot be: it is none, or too long for a datagram."""
        try:
            return self._out.protect(packet)
        except (Error, ValueError):
            return None

    def unprotect(self, data: bytes) -> bytes | None:
        """The RTP packet in a datagram; ``None`` when it was not made under the peer's key, or came before."""
        mki = self._crypto.remote_mki
        if len(data) < _RTP_BYTES_MIN + len(mki):
            self.unauthenticated += 1
            return None
        if mki:
            data = _without(mki, data, _TAG_BYTES[self._crypto.suite])
        try:
            return self._in.unprotect(data)
        except (Error, ValueError) as error:
            self._refused(error)
            return None

    def protect_rtcp(self, packet: bytes) -> bytes | None:
        """A compound RTCP packet as it is to be sent; ``None`` as with `protect`."""
        try:
            return self._out.protect_rtcp(packet)
        except (Error, ValueError):
            return None

    def unprotect_rtcp(self, data: bytes) -> bytes | None:
        """The compound RTCP packet in a datagram; ``None`` as with `unprotect`."""
        mki = self._crypto.remote_mki
        if len(data) < _RTCP_BYTES_MIN + len(mki):
            self.unauthenticated += 1
            return None
        if mki:
            data = _without(mki, data, _SRTCP_TAG_BYTES[self._crypto.suite])
        try:
            return self._in.unprotect_rtcp(data)
        except (Error, ValueError) as error:
            self._refused(error)
            return None

    def _refused(self, error: Exception) -> None:
        if str(error) in _REPLAYED:
            self.replayed += 1
        else:
            self.unauthenticated += 1


def _outbound(crypto: Crypto) -> Session:
    return Session(_policy(crypto.suite, crypto.local_key, Policy.SSRC_ANY_OUTBOUND))


def _inbound(crypto: Crypto) -> Session:
    # Any source: a peer that goes on under another SSRC proves by its key that it is the same.
    return Session(_policy(crypto.suite, crypto.remote_key, Policy.SSRC_ANY_INBOUND))


def _policy(suite: str, key: bytes, sources: int) -> Policy:
    policy = Policy(key=key, ssrc_type=sources, srtp_profile=_PROFILES[suite])
    policy.window_size = _REPLAY_WINDOW_PACKETS
    return policy


def _without(mki: bytes, data: bytes, tag_bytes: int) -> bytes:
    """A packet without its identifier; as it is when it carries another one, which the check will then find out."""
    end = len(data) - tag_bytes
    start = end - len(mki)
    return data[:start] + data[end:] if data[start:end] == mki else data
