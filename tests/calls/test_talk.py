import pytest

from callgate.calls.talk import Talk
from callgate.core.sdp.description import SdpError
from callgate.core.sdp.negotiate import answer, offer
from callgate.core.sdp.terms import SoundTerms, sound_policy

OFFER = offer(address="192.0.2.1", port=4_000, session_id=1)
PLAIN = SoundTerms()
SECURE = sound_policy(srtp_udp="preferred", srtp_without_tls=True).udp
CALLER = sound_policy(srtp_udp="required", srtp_without_tls=True).udp


class Keys:
    """Keys that differ, and are the same in every run."""

    def __init__(self) -> None:
        self._made = 0

    def __call__(self, size: int) -> bytes:
        self._made += 1
        return bytes([self._made]) * size


def talk(offered: bytes = OFFER, terms: SoundTerms = PLAIN) -> Talk:
    made = Talk(offered, "198.51.100.1", 20_000, session_id=7, terms=terms, new_key=Keys())
    made.negotiate()
    return made


def test_an_offer_is_answered_at_once() -> None:
    made = talk()
    assert made.path is not None
    assert (made.path.remote_address, made.path.remote_port) == ("192.0.2.1", 4_000)
    assert b"198.51.100.1" in made.local
    assert not made.take_answer(b"")  # the ACK owes nothing
    assert made.facts()["remote"] == "192.0.2.1:4000"


def test_without_an_offer_ours_waits_for_its_answer() -> None:
    made = talk(b"")
    assert made.facts() == {}
    with pytest.raises(SdpError, match="there is no SDP"):
        made.take_answer(b"")
    theirs = answer(made.local, address="192.0.2.1", port=4_000, session_id=1).sdp
    assert made.take_answer(theirs)
    assert made.path is not None
    assert made.path.remote_port == 4_000
    assert not made.take_answer(theirs)  # a second ACK changes nothing


def test_every_description_of_ours_is_newer_than_the_last() -> None:
    made = talk()
    origins = [made.local.split(b"\r\n")[1]]
    for offered in (OFFER, b"", OFFER.replace(b"4000", b"4002")):
        origins.append(made.reoffered(offered).split(b"\r\n")[1])
    assert len(set(origins)) == 4
    assert made.path is not None
    assert made.path.remote_port == 4_002


def test_hold_and_resume() -> None:
    made = talk()
    made.reoffered(OFFER.replace(b"a=sendrecv", b"a=sendonly"))
    assert made.path is not None
    assert not made.path.send
    made.reoffered(OFFER)
    assert made.path.send


def test_an_offer_that_does_not_fit_changes_nothing() -> None:
    made = talk()
    before = made.local, made.path
    for bad in (b"nonsense", OFFER.replace(b"m=audio", b"m=video")):
        with pytest.raises(SdpError):
            made.reoffered(bad)
    assert (made.local, made.path) == before


def secured(key: bytes = b"p") -> bytes:
    return offer(address="192.0.2.1", port=4_000, session_id=1, terms=CALLER, new_key=lambda size: key * size)


def test_keys_are_agreed_on_and_kept_while_the_peer_keeps_its_own() -> None:
    made = talk(secured(), SECURE)
    assert made.path is not None
    first = made.path.crypto
    assert first is not None
    made.reoffered(secured().replace(b"a=sendrecv", b"a=sendonly"))
    assert made.path.crypto == first
    made.reoffered(secured(b"q"))
    assert made.path.crypto is not None
    assert made.path.crypto.local_key != first.local_key
    made.reoffered(OFFER)
    assert made.path.crypto is None


def test_a_delayed_offer_of_ours_carries_new_keys_every_time() -> None:
    made = talk(b"", SECURE)
    used = []
    for _ in range(2):
        theirs = answer(
            made.local, address="192.0.2.1", port=4_000, session_id=1, terms=CALLER, new_key=lambda size: b"t" * size
        )
        assert made.take_answer(theirs.sdp)
        assert made.path is not None
        assert made.path.crypto is not None
        assert theirs.path.crypto is not None
        assert made.path.crypto.local_key == theirs.path.crypto.remote_key
        used.append(made.path.crypto.local_key)
        made.reoffered(b"")
    assert used[0] != used[1]


def test_records_name_the_suite_and_never_a_key() -> None:
    facts = talk(secured(), SECURE).facts()
    assert facts["srtp"] == "AES_CM_128_HMAC_SHA1_80"
    assert "key" not in repr(facts)
    assert talk().facts()["srtp"] is None


def test_an_offer_made_for_the_ringing_is_the_one_that_the_call_goes_on_with() -> None:
    made = Talk(b"", "198.51.100.1", 20_000, session_id=7, terms=PLAIN, new_key=Keys())
    ours = made.offer()
    assert made.awaits_answer
    made.negotiate()
    assert made.local == ours
    assert made.take_answer(answer(ours, address="192.0.2.1", port=4_000, session_id=1).sdp)
    assert not made.awaits_answer


@pytest.mark.rfc("4028", "7.4", "Generating Subsequent Session Refresh Requests")
def test_a_refresh_offers_what_was_said_last_and_changes_nothing() -> None:
    made = talk()
    local, path = made.local, made.path
    assert made.offer() == local
    assert not made.awaits_answer
    assert not made.retake_answer(answer(local, address="192.0.2.1", port=4_000, session_id=1).sdp)
    assert (made.local, made.path) == (local, path)


def test_a_refresh_offers_the_key_that_is_in_use() -> None:
    made = talk(secured(), SECURE)
    assert made.path is not None
    assert made.path.crypto is not None
    before = made.path.crypto
    theirs = answer(made.offer(), address="192.0.2.1", port=4_000, session_id=1, terms=CALLER, new_key=Keys()).sdp
    made.retake_answer(theirs)
    assert made.path.crypto is not None
    assert made.path.crypto.local_key == before.local_key


def test_the_answer_to_a_refresh_may_move_the_sound() -> None:
    made = talk()
    moved = answer(made.offer(), address="192.0.2.77", port=4_010, session_id=1).sdp
    assert made.retake_answer(moved)
    assert made.path is not None
    assert made.path.remote_address == "192.0.2.77"


@pytest.mark.parametrize("answered", [b"", b"nonsense", b"v=0\r\nm=video 1 RTP/AVP 96\r\n"])
def test_an_answer_to_a_refresh_that_cannot_be_used_changes_nothing(answered: bytes) -> None:
    made = talk()
    before = made.path
    assert not made.retake_answer(answered)
    assert made.path == before


def test_video_that_was_declined_stays_declined_in_an_offer_of_ours() -> None:
    made = talk(OFFER + b"m=video 4002 RTP/AVP 96\r\n")
    assert b"m=video 0 RTP/AVP 96" in made.reoffered(b"")
