"""RFC 5769 (Test Vectors for STUN), round trips, and rubbish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.stun.message import (
    BINDING_ERROR,
    BINDING_REQUEST,
    BINDING_SUCCESS,
    MESSAGE_BYTES_MAX,
    StunError,
    StunMessage,
    pack,
    unpack,
)

# RFC 5769 section 2.2 (Sample IPv4 Response) and 2.3 (Sample IPv6 Response).
IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)
TRANSACTION = b"abcdefghijkl"


@pytest.mark.rfc("5769", "2.2", "Sample IPv4 Response")
@pytest.mark.rfc("5769", "2.3", "Sample IPv6 Response")
def test_the_responses_of_the_standard() -> None:
    first, second = unpack(IPV4), unpack(IPV6)
    assert (first.type, first.address, first.port) == (BINDING_SUCCESS, "192.0.2.1", 32853)
    assert (second.address, second.port) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert first.transaction.hex() == "b7e7a701bc34d686fa87dfae"


def test_a_server_of_the_old_standard() -> None:
    """RFC 3489's MAPPED-ADDRESS counts where there is no other."""
    plain = bytes.fromhex("0001000800011234c0000201")
    data = bytes.fromhex("0101000c2112a442") + TRANSACTION + plain
    assert (unpack(data).address, unpack(data).port) == ("192.0.2.1", 0x1234)


def test_what_must_be_understood_and_is_not() -> None:
    def with_attribute(kind: int) -> bytes:
        return bytes.fromhex("010100042112a442") + TRANSACTION + kind.to_bytes(2, "big") + b"\0\0"

    with pytest.raises(StunError, match="0x0042 must be understood"):
        unpack(with_attribute(0x0042))
    assert unpack(with_attribute(0x8042)).address == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes"),
        (IPV4[:19], "19 bytes"),
        (b"\0" * (MESSAGE_BYTES_MAX + 1), "1501 bytes"),
        (b"\x00\x03" + IPV4[2:], "type 0x0003"),
        (IPV4[:4] + b"\0\0\0\0" + IPV4[8:], "magic cookie"),
        (IPV4[:-4], "length"),
        (IPV4[:3] + b"\x3b" + IPV4[4:-1], "length"),
        (IPV4[:-1] + b"\x97", "fingerprint does not fit"),
        (IPV4[:38] + b"\x00\x04" + IPV4[40:], "address of 4 bytes"),
        (IPV4[:41] + b"\x02" + IPV4[42:], "address family 2 with 4"),
        (IPV4[:22] + b"\xff\xff" + IPV4[24:], "ends behind the message"),
    ],
)
def test_damage_is_named(data: bytes, words: str) -> None:
    with pytest.raises(StunError, match=words):
        unpack(data)


def test_a_transaction_of_the_wrong_size_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="12"):
        pack(StunMessage(BINDING_REQUEST, b"short"))


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(st.binary(min_size=12, max_size=12), addresses, st.integers(0, 65_535))
def test_a_response_comes_back_as_it_was(transaction: bytes, address: str, port: int) -> None:
    message = StunMessage(BINDING_SUCCESS, transaction, address, port)
    assert unpack(pack(message)) == message
    assert len(pack(message)) % 4 == 0


@given(st.integers(300, 699), st.text(max_size=60))
def test_an_error_comes_back_as_it_was(code: int, reason: str) -> None:
    message = StunMessage(BINDING_ERROR, TRANSACTION, error=code, reason=reason)
    assert unpack(pack(message)) == message


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(data: bytes) -> None:
    for attempt in (data, bytes.fromhex("0101") + (len(data) & 0xFFFC).to_bytes(2, "big") + IPV4[4:20] + data):
        try:
            unpack(attempt)
        except StunError:
            continue


@given(st.sampled_from([IPV4, IPV6]), st.integers(0, 1_000), st.binary(min_size=1, max_size=4))
def test_a_damaged_response_is_told_by_its_fingerprint(data: bytes, at: int, by: bytes) -> None:
    at %= len(data) - len(by)
    damaged = data[:at] + by + data[at + len(by) :]
    if damaged == data:
        return
    try:
        unpack(damaged)
    except StunError:
        return
    # What is left is a fingerprint that is none any more: its type was what was damaged.
    assert at + len(by) > len(data) - 8
