"""Session descriptions: offers to us, and answers to our offers.

The first byte chooses the terms. Everything an offer may lead to is tried: it is assessed, answered, answered again in
the same call, and taken for the answer to an offer of ours.
"""

from ipaddress import ip_address
from typing import Final

from callgate.core.sdp.crypto import without_keys
from callgate.core.sdp.description import SdpError, parse
from callgate.core.sdp.limits import LINES_MAX, MEDIA_COUNT_MAX, SDP_BYTES_MAX
from callgate.core.sdp.negotiate import answer, assess, offer, read_answer
from callgate.core.sdp.path import SoundPath
from callgate.core.sdp.terms import SoundTerms

_KEY_CHARACTERS: Final = b"k" * 64
_TERMS: Final = (
    SoundTerms(),
    SoundTerms(("OPUS", "G722", "PCMA", "PCMU", "L16"), own_order=True),
    SoundTerms(("PCMU", "PCMA"), srtp="preferred", srtp_barred=""),
    SoundTerms(("PCMU", "PCMA", "OPUS"), srtp="required", srtp_barred=""),
)


def check(data: bytes) -> None:
    """Nothing but `SdpError`; what is assessed as good can be answered, and the answer is a good one."""
    terms = _TERMS[data[0] % len(_TERMS)] if data else _TERMS[0]
    body = data[1:]
    assessed = assess(body, terms)
    try:
        streams = parse(body)
    except SdpError as error:
        assert assessed.outcome == "offer-not-sdp"
        assert 300 <= error.warning_code <= 399
        return
    assert len(streams) <= MEDIA_COUNT_MAX
    assert len(body) <= SDP_BYTES_MAX
    assert body.count(b"\n") <= LINES_MAX
    try:
        ours = answer(body, address="192.0.2.1", port=40_000, session_id=1, terms=terms, new_key=_key)
    except SdpError as error:
        assert assessed.outcome == "no-common-codec", error
        assert assessed.reason == str(error)
    else:
        assert assessed.outcome is None
        _fits(ours.sdp, body, ours.path)
        again = answer(
            body, address="192.0.2.1", port=40_000, session_id=1, version=1, terms=terms, new_key=_key, before=ours.path
        )
        assert again.path == ours.path
    text = body.decode("utf-8", "replace")
    assert len(without_keys(text)) == len(text)
    _taken_for_an_answer(body, terms)


def _fits(ours: bytes, offered: bytes, path: SoundPath) -> None:
    """RFC 3264 section 6: as many streams, in the same order, of the same kinds; one of them taken."""
    _sound(path)
    answered, offers = parse(ours), parse(offered)
    assert [stream.kind for stream in answered] == [stream.kind for stream in offers]
    taken = [stream for stream in answered if stream.port]
    assert len(taken) == 1
    assert taken[0].kind == "audio"
    assert assess(ours).outcome != "offer-not-sdp"


def _sound(path: SoundPath) -> None:
    ip_address(path.remote_address)
    assert 0 < path.remote_port <= 65_535
    assert 0 <= path.payload_type <= 127
    assert path.rtcp_port is None or 0 < path.rtcp_port <= 65_535


def _taken_for_an_answer(body: bytes, terms: SoundTerms) -> None:
    offered = offer(address="192.0.2.1", port=40_000, session_id=1, terms=terms, new_key=_key)
    try:
        path = read_answer(body, offered)
    except SdpError as error:
        assert str(error)
        return
    _sound(path)


def _key(size: int) -> bytes:
    return _KEY_CHARACTERS[:size]


if __name__ == "__main__":
    from tests.fuzz.running import run

    run("sdp")
