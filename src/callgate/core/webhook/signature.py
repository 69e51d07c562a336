"""How every request of ours to an owner's web server is signed, and how its receiver checks that."""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

SIGNATURE_HEADER: Final = "X-Ultravox-Webhook-Signature"
TIMESTAMP_HEADER: Final = "X-Ultravox-Webhook-Timestamp"


def sign(body: bytes, timestamp: str, secrets: Iterable[str]) -> str:
    """The value of the signature header: one HMAC-SHA256 per secret, in order.

    Args:
        body: the bytes of the request as they are sent.
        timestamp: the value of the timestamp header, ISO 8601 in UTC.
        secrets: each signs, so that a receiver can change over from one to the next.

    Returns:
        Lower-case hex, separated by commas without spaces.
    """
    signed = body + timestamp.encode()
    return ",".join(hmac.new(secret.encode(), signed, sha256).hexdigest() for secret in secrets)


def verify(body: bytes, timestamp: str, signature: str, secrets: Iterable[str]) -> bool:
    """Whether any part of a signature header was made with any of `secrets`; takes the same time wherever it differs.

    The age of `timestamp` is for the receiver to judge.
    """
    # Compared as bytes: a header of other than ASCII is a wrong signature, not an error.
    offered = [part.strip().encode("utf-8", "surrogateescape") for part in signature.split(",")]
    expected = [sign(body, timestamp, (secret,)).encode() for secret in secrets]
    matches = [hmac.compare_digest(one, other) for one in offered for other in expected]
    return any(matches)
