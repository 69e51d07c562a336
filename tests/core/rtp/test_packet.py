"""RTP packets."""

from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.packet import Packet, pack, unpack


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    packet = unpack(data)
    assert packet is None or packet.payload in data


@given(st.integers(0, 127), st.booleans(), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.binary(max_size=200))
def test_what_is_packed_is_read_back(kind: int, marker: bool, sequence: int, timestamp: int, payload: bytes) -> None:
    assert unpack(pack(kind, marker, sequence, timestamp, 7, payload)) == Packet(
        kind, marker, sequence, timestamp, 7, payload
    )
