"""Latching."""

from callgate.core.rtp.latching import Latch

SDP, NAT, STRANGER = ("10.0.0.1", 4000), ("192.0.2.1", 5000), ("192.0.2.2", 6000)


def latched() -> Latch:
    latch = Latch(SDP)
    assert [latch.accept(NAT, 1, 65534 + n & 0xFFFF, 0.02 * n) for n in range(4)] == [False, False, False, True]
    assert latch.target == NAT
    return latch


def test_a_gap_or_another_ssrc_starts_the_proof_again() -> None:
    latch = Latch(SDP)
    for ssrc, sequence in ((1, 1), (1, 2), (1, 3), (1, 5), (1, 6), (1, 7), (2, 8)):
        assert not latch.accept(NAT, ssrc, sequence, 0.0)
    assert latch.target == SDP


def test_a_stranger_changes_nothing_while_the_source_is_heard() -> None:
    latch = latched()
    assert not any(latch.accept(STRANGER, 9, n, 1.0) for n in range(10))
    assert latch.target == NAT


def test_after_silence_a_new_source_must_prove_itself() -> None:
    latch = latched()
    assert [latch.accept(STRANGER, 9, n, 3.0) for n in range(4)] == [False, False, False, True]
    assert latch.target == STRANGER


def test_new_sdp_dissolves_it() -> None:
    latch = latched()
    latch.redirect(STRANGER)
    assert latch.target == STRANGER
