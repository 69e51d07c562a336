"""Signatures as receivers of the public service check them."""

import hmac
from hashlib import sha256

import pytest

from callgate.core.webhook.signature import sign, verify

BODY, AT = '{"a": "ü"}'.encode(), "2026-03-04T05:06:07+00:00"


def test_one_signature_per_secret_over_body_and_timestamp() -> None:
    signature = sign(BODY, AT, ("one", "two"))
    assert signature == ",".join(hmac.new(s, BODY + AT.encode(), sha256).hexdigest() for s in (b"one", b"two"))
    assert verify(BODY, AT, signature, ("two",))
    assert verify(BODY, AT, signature.replace(",", " , "), ("three", "one"))


@pytest.mark.parametrize(
    ("body", "at", "secrets"),
    [(BODY + b" ", AT, ("one",)), (BODY, AT + "Z", ("one",)), (BODY, AT, ("two",)), (BODY, AT, ())],
)
def test_anything_else_is_refused(body: bytes, at: str, secrets: tuple[str, ...]) -> None:
    assert not verify(body, at, sign(BODY, AT, ("one",)), secrets)


@pytest.mark.parametrize("signature", ["", ",", "é", "\udcff", "0" * 64])
def test_nonsense_is_a_wrong_signature(signature: str) -> None:
    assert not verify(BODY, AT, signature, ("one",))
