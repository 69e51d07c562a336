"""Nobody but the caller is heard (injection), and nobody but the caller is spoken to (bleed).

Who sends to a port of ours is told apart by what is asked of a source: four packets in a row with one SSRC, of a type
that was agreed on, and under the call's keys where there are any.
"""

import socket
from collections.abc import Iterator

import pytest

from callgate.core.rtp.packet import pack
from callgate.core.sdp.path import Crypto
from callgate.media.port_pool import PortPair
from callgate.media.srtp import Srtp
from tests.media.conformance.conftest import MakePlace
from tests.media.conformance.engine import FRAME_S, Place, Stranger
from tests.media.conformance.test_receiving import said

TRIED_PORTS = 20


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    stranger = Stranger()
    yield stranger
    stranger.close()


def sends(
    call: Place, stranger: Stranger, number: int, *, kind: int = 0, sequence: int | None = None, ssrc: int = 99
) -> None:
    """A packet of the stranger's, the `number`-th of a stream unless it says otherwise."""
    at = number if sequence is None else sequence
    stranger.rtp.sendto(pack(kind, False, at & 0xFFFF, 160 * number, ssrc, said(66)), call.peer.to)
    call.loop.read()


def nothing_reaches(call: Place, stranger: Stranger) -> None:
    """The stranger is neither heard nor spoken to; the caller is spoken to."""
    before = len(call.peer.came)
    call.run_frames(10)
    assert said(66) not in call.brain.frames
    assert stranger.count() == 0
    assert len(call.peer.came) >= before + 9


@pytest.mark.parametrize(
    "what", ["three packets", "every other packet", "the same packet", "many streams", "no type that was agreed on"]
)
def test_a_stranger_who_tries_before_the_caller_speaks(place: MakePlace, stranger: Stranger, what: str) -> None:
    call = place().begin()
    for number in range(3 if what == "three packets" else 50):
        sends(
            call,
            stranger,
            number,
            kind=18 if what.startswith("no type") else 0,
            sequence={"every other packet": 2 * number, "the same packet": 7}.get(what, number),
            ssrc=number if what == "many streams" else 99,
        )
    nothing_reaches(call, stranger)
    call.talk([said(1)] * 10)
    assert call.brain.frames[-5:] == [said(1)] * 5
    assert said(66) not in call.brain.frames


def test_a_stranger_between_the_callers_packets_does_not_keep_it_from_being_known(
    place: MakePlace, stranger: Stranger
) -> None:
    """The caller is behind NAT: its SDP names an address that nothing comes from."""
    call = place(remote_port=9).begin()
    others = [Stranger() for _ in range(5)]
    for number in range(8):
        call.talk([said(1)])
        for other in (stranger, *others):
            sends(call, other, number, sequence=3 * number)
    call.talk([said(1)] * 5)
    assert set(call.brain.frames) == {said(1)}
    assert call.quality.latched == f"127.0.0.1:{call.peer.port}"
    nothing_reaches(call, stranger)
    for other in others:
        other.close()


def test_a_stranger_in_a_pause_of_the_callers(place: MakePlace, stranger: Stranger) -> None:
    call = place().begin()
    call.talk([said(1)] * 10)
    for number in range(90):  # 1.8 s
        call.run(FRAME_S)
        sends(call, stranger, number)
    nothing_reaches(call, stranger)


def test_a_stranger_without_the_keys(place: MakePlace, stranger: Stranger) -> None:
    ours, theirs = bytes(range(30)), bytes(range(30, 60))
    call = place(crypto=Crypto("AES_CM_128_HMAC_SHA1_80", ours, theirs)).begin()
    call.peer.keeps = False  # what comes is encrypted
    for number in range(50):
        sends(call, stranger, number)
    caller = Srtp(Crypto("AES_CM_128_HMAC_SHA1_80", theirs, ours))
    for number in range(10):
        packet = caller.protect(pack(0, False, number, 160 * number, 7, said(1)))
        assert packet is not None
        call.peer.send(b"", raw=packet)
        call.run(FRAME_S)
    assert set(call.brain.frames) == {said(1)}
    assert call.quality.packets_unauthenticated == 50
    assert stranger.count() == 0


def test_what_waits_in_a_port_is_not_of_the_call_that_gets_it(place: MakePlace, stranger: Stranger) -> None:
    """Packets of the call before, whose caller goes on speaking; or of somebody who sends to every port."""

    def speak(pair: PortPair) -> None:
        for sock, kind in ((pair.rtp, 0), (pair.rtcp, 72)):
            for number in range(TRIED_PORTS):
                stranger.rtp.sendto(pack(kind, False, number, 0, 99, said(66)), sock.getsockname())

    call = place(before=speak).begin()
    call.loop.read()
    nothing_reaches(call, stranger)
    assert call.quality.packets_strange == 0


def test_reports_of_a_stranger_draw_no_reports(place: MakePlace) -> None:
    call = place().begin()
    call.talk([said(1)] * 10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.setblocking(False)
        stranger.sendto(b"\x80\xc9\x00\x01\x00\x00\x00\x63", call.peer.rtcp_to)
        call.loop.read()
        call.run(12.0)
        with pytest.raises(BlockingIOError):
            stranger.recv(2_048)
    assert call.peer.reports


# -------------------------------------------------------------------------------------------------------- both families


@pytest.mark.parametrize("caller", ["127.0.0.1", "::1"])
def test_sockets_for_both_families_serve_callers_of_either(place: MakePlace, caller: str) -> None:
    call = place(bind="::", caller=caller).begin()
    call.talk([said(1)] * 300)
    assert set(call.brain.frames) == {said(1)}
    assert len(call.peer.came) > 290
    assert call.peer.reports
    host = f"[{caller}]" if ":" in caller else caller
    assert call.quality.latched == f"{host}:{call.peer.port}"
    assert call.events() == []


def test_an_address_of_ipv6_is_known_however_it_is_written(place: MakePlace) -> None:
    call = place(bind="::", caller="::1", remote_address="0:0:0:0:0:0:0:1").begin()
    call.talk([said(1)])  # the SDP's own address needs no proof
    assert call.brain.frames == [said(1)]
