import pytest

from callgate.calls.talk import Talk
from callgate.core.sdp.description import SdpError
from callgate.core.sdp.negotiate import answer, offer

OFFER = offer(address="192.0.2.1", port=4_000, session_id=1)


def talk(offered: bytes = OFFER) -> Talk:
    made = Talk(offered, "198.51.100.1", 20_000, session_id=7)
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
    with pytest.raises(SdpError, match="carries no SDP"):
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
