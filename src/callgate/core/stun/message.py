"""Binding requests and their responses. RFC 8489 (Session Traversal Utilities for NAT), without authentication.

A message is a header of 20 bytes and attributes, each padded to four (section 5, STUN Message Structure):

     0                   1                   2                   3
    |0 0|     type (14 bits)        |        length of attributes   |
    |                     magic cookie 2112A442                     |
    |                                                               |
    |                     transaction id (96 bits)                  |
    |                                                               |
"""

import struct
import zlib
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

MAGIC: Final = 0x2112A442
TRANSACTION_BYTES: Final = 12
# One datagram that needs no fragments, section 6.1 (Forming a Request or an Indication); answers are under 100 bytes.
MESSAGE_BYTES_MAX: Final = 1_500

BINDING_REQUEST: Final = 0x0001
BINDING_SUCCESS: Final = 0x0101
BINDING_ERROR: Final = 0x0111

_HEADER: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_MAPPED_ADDRESS: Final = 0x0001
_ERROR_CODE: Final = 0x0009
_XOR_MAPPED_ADDRESS: Final = 0x0020
_FINGERPRINT: Final = 0x8028
_FINGERPRINT_XOR: Final = 0x5354554E
# Required ones that may stand in an answer to us and change nothing: credentials, which we have not sent, and the port
# of RFC 3489's servers (CHANGED-ADDRESS, SOURCE-ADDRESS, REFLECTED-FROM).
_HARMLESS: Final = frozenset((0x0004, 0x0005, 0x0006, 0x0008, 0x000B, 0x0014, 0x0015, 0x001C))


class StunError(ValueError):
    """What is wrong with a message."""


@dataclass(frozen=True, slots=True)
class StunMessage:
    """A Binding request or a response to one.

    Attributes:
        type: one of the constants of this file.
        transaction: 12 bytes.
        address: IP text of XOR-MAPPED-ADDRESS, else of MAPPED-ADDRESS; empty without either.
        port: likewise; 0 without either.
        error: of ERROR-CODE, 300 to 699; 0 without one.
        reason: its phrase.
    """

    type: int
    transaction: bytes
    address: str = ""
    port: int = 0
    error: int = 0
    reason: str = ""


def pack(message: StunMessage) -> bytes:
    """A message as it goes on the wire, with a FINGERPRINT.

    Raises:
        ValueError: the transaction id has not 12 bytes.
    """
    if len(message.transaction) != TRANSACTION_BYTES:
        raise ValueError(f"transaction id of {len(message.transaction)} bytes, expected {TRANSACTION_BYTES}")
    body = b""
    if message.address:
        body += _attribute(_XOR_MAPPED_ADDRESS, _pack_address(message))
    if message.error:
        code = bytes((0, 0, message.error // 100, message.error % 100))
        body += _attribute(_ERROR_CODE, code + message.reason.encode())
    # The length in the header counts the fingerprint too, section 14.7 (FINGERPRINT).
    head = _HEADER.pack(message.type, len(body) + 8, MAGIC, message.transaction)
    return head + body + _attribute(_FINGERPRINT, struct.pack("!I", zlib.crc32(head + body) ^ _FINGERPRINT_XOR))


def unpack(data: bytes) -> StunMessage:
    """Read a message.

    Raises:
        StunError: it is none, is damaged, or demands to be understood and is not.
    """
    if not _HEADER.size <= len(data) <= MESSAGE_BYTES_MAX:
        raise StunError(f"{len(data)} bytes, expected {_HEADER.size} to {MESSAGE_BYTES_MAX}")
    type_, length, magic, transaction = _HEADER.unpack_from(data)
    if type_ not in (BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR):
        raise StunError(f"type 0x{type_:04x}, expected a binding request or response")
    if magic != MAGIC:
        raise StunError(f"magic cookie {magic:08x}, expected {MAGIC:08x}")
    if length != len(data) - _HEADER.size or length % 4:
        raise StunError(f"length {length} of {len(data) - _HEADER.size} bytes, expected as many, in fours")
    mapped: tuple[str, int] | None = None
    xored: tuple[str, int] | None = None
    error, reason = 0, ""
    at = _HEADER.size
    while at < len(data):
        kind, size = _ATTRIBUTE.unpack_from(data, at)
        value = data[at + 4 : at + 4 + size]
        if len(value) < size:
            raise StunError(f"attribute 0x{kind:04x} of {size} bytes ends behind the message")
        if kind == _XOR_MAPPED_ADDRESS:
            xored = xored or _address(value, transaction, xor=True)  # the first counts, section 14
        elif kind == _MAPPED_ADDRESS:
            mapped = mapped or _address(value, transaction, xor=False)
        elif kind == _ERROR_CODE:
            error, reason = _error(value)
        elif kind == _FINGERPRINT:
            _check(data, at, value)
        elif kind < 0x8000 and kind not in _HARMLESS:
            raise StunError(f"attribute 0x{kind:04x} must be understood, and is not")
        at += 4 + size + -size % 4
    address, port = xored or mapped or ("", 0)
    return StunMessage(type_, transaction, address, port, error, reason)


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _mask(transaction: bytes) -> bytes:
    """What an address is XORed with, section 14.2 (XOR-MAPPED-ADDRESS)."""
    return struct.pack("!I", MAGIC) + transaction


def _pack_address(message: StunMessage) -> bytes:
    address = IPv6Address(message.address) if ":" in message.address else IPv4Address(message.address)
    hidden = bytes(a ^ b for a, b in zip(address.packed, _mask(message.transaction), strict=False))
    return struct.pack("!BBH", 0, 1 if address.version == 4 else 2, message.port ^ (MAGIC >> 16)) + hidden


def _address(value: bytes, transaction: bytes, *, xor: bool) -> tuple[str, int]:
    if len(value) not in (8, 20):
        raise StunError(f"address of {len(value)} bytes, expected 8 or 20")
    family, port = value[1], int.from_bytes(value[2:4], "big")
    packed = value[4:]
    if (family, len(packed)) not in ((1, 4), (2, 16)):
        raise StunError(f"address family {family} with {len(packed)} bytes, expected 1 with 4 or 2 with 16")
    if xor:
        port ^= MAGIC >> 16
        packed = bytes(a ^ b for a, b in zip(packed, _mask(transaction), strict=False))
    return str(IPv4Address(packed) if family == 1 else IPv6Address(packed)), port


def _error(value: bytes) -> tuple[int, str]:
    if len(value) < 4 or not 3 <= value[2] & 7 <= 6 or value[3] > 99:
        raise StunError("error code is not 300 to 699")
    return (value[2] & 7) * 100 + value[3], value[4:].decode("utf-8", "replace")


def _check(data: bytes, at: int, value: bytes) -> None:
    """The fingerprint is the last attribute, over all before it."""
    if len(value) != 4 or at + 8 != len(data):
        raise StunError("fingerprint is not the last attribute with 4 bytes")
    if int.from_bytes(value, "big") != zlib.crc32(data[:at]) ^ _FINGERPRINT_XOR:
        raise StunError("fingerprint does not fit the message")
