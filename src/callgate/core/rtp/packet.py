"""RTP packets. RFC 3550 section 5.1 (RTP Fixed Header Fields)."""

import struct
from typing import Final, NamedTuple

#   0               1               2               3
#  |V=2|P|X|  CC   |M|     PT      |       sequence number         |
#  |                           timestamp                           |
#  |                             SSRC                              |
#  |                     CSRC × CC, extension, payload, padding    |
HEADER_BYTES: Final = 12
_HEADER: Final = struct.Struct("!BBHII")


class Packet(NamedTuple):
    """One RTP packet, without its CSRCs, extension and padding."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def unpack(datagram: bytes) -> Packet | None:
    """The packet in `datagram`; ``None`` when it is no whole RTP packet of version 2."""
    size = len(datagram)
    if size < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if first >> 6 != 2:
        return None
    start, end = HEADER_BYTES + 4 * (first & 0x0F), size
    if first & 0x10:
        if start + 4 > size:
            return None
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    if first & 0x20:
        if not datagram[-1]:
            return None
        end -= datagram[-1]
    if start > end:
        return None
    return Packet(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, datagram[start:end])


def pack(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """A datagram; numbers wrap at their width on the wire."""
    second = payload_type | 0x80 if marker else payload_type
    return _HEADER.pack(0x80, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload
