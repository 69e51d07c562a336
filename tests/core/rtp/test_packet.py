import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.rtp.packet import Packet, pack, unpack


@pytest.mark.rfc("3550", "5.1", "RTP Fixed Header Fields")
@given(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
)
def test_pack_and_unpack_are_twins(pt: int, marker: bool, seq: int, ts: int, ssrc: int, payload: bytes) -> None:
    assert unpack(pack(pt, marker, seq, ts, ssrc, payload)) == Packet(pt, marker, seq, ts, ssrc, payload)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_nothing(data: bytes) -> None:
    packet = unpack(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


@pytest.mark.rfc("3550", "5.1", "RTP Fixed Header Fields")
def test_sources_extension_and_padding_are_no_sound() -> None:
    header = bytes.fromhex("b180000100000002 00000003".replace(" ", ""))
    data = header + b"CSRC" + bytes.fromhex("bede0001") + b"EXTN" + b"sound" + b"\0\0\3"
    packet = unpack(data)
    assert packet is not None
    assert packet.payload == b"sound"


def test_what_claims_to_be_longer_than_it_is_is_nothing() -> None:
    assert unpack(bytes.fromhex("8f0000010000000200000003")) is None  # 15 sources, none there
    assert unpack(bytes.fromhex("a00000010000000200000003ff")) is None  # 255 bytes of padding in one
