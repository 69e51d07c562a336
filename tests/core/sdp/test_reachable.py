import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.description import SdpError
from callgate.core.sdp.negotiate import answer, assess, offer, read_answer
from callgate.core.sdp.reachable import check_address, nothing_known
from callgate.core.sdp.terms import SoundTerms, sound_policy

OURS, DIRECTED = "203.0.113.1", "203.0.113.255"
PEER = "198.51.100.7"


def nature(address: str) -> str:
    return {OURS: "own", DIRECTED: "broadcast", "127.0.0.1": "own", "::1": "own"}.get(address, "")


def offer_to(address: str) -> bytes:
    family = "IP6" if ":" in address else "IP4"
    where = f"IN {family} {address}"
    return f"v=0\r\no=- 1 1 {where}\r\ns=-\r\nc={where}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n".encode()


@pytest.mark.parametrize(
    ("address", "source", "words"),
    [
        ("224.2.1.1", PEER, "multicast: 224.2.1.1"),
        ("239.255.0.1", "127.0.0.1", "multicast"),
        ("ff15::1", "2001:db8::9", "multicast"),
        ("255.255.255.255", PEER, "broadcast"),
        ("255.255.255.255", "127.0.0.1", "broadcast"),
        (DIRECTED, PEER, "broadcast"),
        ("127.0.0.1", PEER, "loopback"),
        ("127.99.0.1", PEER, "loopback"),
        ("::1", "2001:db8::9", "loopback"),
        ("::ffff:127.0.0.1", PEER, "loopback"),
        (OURS, PEER, "our own"),
    ],
)
def test_where_no_sound_is_sent(address: str, source: str, words: str) -> None:
    with pytest.raises(SdpError, match=words):
        check_address(address, source, nature)
    terms = SoundTerms(source=source, nature=nature)
    refusal = assess(offer_to(address), terms)
    assert refusal.outcome == "no-common-codec"
    assert words in refusal.reason
    assert refusal.warning_code == (330 if words.startswith("multicast") else 399)
    with pytest.raises(SdpError, match=words):
        answer(offer_to(address), address=OURS, port=1, session_id=1, terms=terms)
    ours = offer(address=OURS, port=1, session_id=1)
    with pytest.raises(SdpError, match=words):
        read_answer(offer_to(address), ours, terms)


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (PEER, PEER),
        ("10.0.0.5", PEER),  # a phone behind NAT: its packets will prove another
        ("198.51.100.99", PEER),  # a media server beside the proxy
        ("0.0.0.0", PEER),  # hold
        ("::", "2001:db8::9"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.1"),
        (OURS, "127.0.0.1"),
        ("::1", "::1"),
        (OURS, OURS),  # a PBX on this machine
        ("127.0.0.1", ""),  # nobody asks
    ],
)
def test_where_sound_may_be_sent(address: str, source: str) -> None:
    check_address(address, source, nature)
    assert assess(offer_to(address), SoundTerms(source=source, nature=nature)).outcome is None


def test_another_stream_may_be_taken_in_its_place() -> None:
    good = f"m=audio 40002 RTP/AVP 0\r\nc=IN IP4 {PEER}\r\n".encode()
    taken = answer(
        offer_to("224.2.1.1") + good, address=OURS, port=1, session_id=1, terms=SoundTerms(source=PEER, nature=nature)
    )
    assert (taken.path.remote_address, taken.path.remote_port) == (PEER, 40_002)
    assert b"m=audio 0 RTP/AVP 0" in taken.sdp


def test_terms_know_the_peer() -> None:
    policy = sound_policy(nature=nature)
    assert policy.of("tcp") == policy.tcp
    terms = policy.of("udp", PEER)
    assert (terms.source, terms.nature, terms.codecs) == (PEER, nature, policy.udp.codecs)


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(addresses, addresses)
def test_any_address_is_judged(address: str, source: str) -> None:
    with contextlib.suppress(SdpError):
        check_address(address, source, nothing_known)
