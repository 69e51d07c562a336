import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, Response
from callgate.core.sip.parse import parse
from callgate.core.sip.stateless import refuse_statelessly, stateless_tag

SECRET = b"secret"
HEADERS = {
    "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
    "From": "<sip:a@b>;tag=f",
    "To": "<sip:c@d>",
    "Call-ID": "call",
    "CSeq": "1 INVITE",
}


def request(**changed: str) -> Request:
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return Request("INVITE", "sip:c@d", Headers(list(headers.items())))


@pytest.mark.rfc("3261", "8.2.7", "Stateless UAS Behavior")
def test_copies_get_the_same_tag_and_nothing_else_does() -> None:
    tag = stateless_tag(request(), SECRET)
    assert stateless_tag(request(), SECRET) == tag
    others = [
        stateless_tag(request(), b"another secret"),
        stateless_tag(request(Call_ID="other"), SECRET),
        stateless_tag(request(CSeq="2 INVITE"), SECRET),
        stateless_tag(request(From="<sip:a@b>;tag=g"), SECRET),
        stateless_tag(request(Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb"), SECRET),
    ]
    assert len({tag, *others}) == 6


def test_a_tag_needs_no_headers() -> None:
    assert len(stateless_tag(Request("INVITE", "sip:c@d"), SECRET)) == 16


def test_a_refusal_has_the_bare_minimum() -> None:
    data = refuse_statelessly(request(), 403, secret=SECRET, size_max=1_000)
    assert data is not None
    refusal = parse(data)
    assert isinstance(refusal, Response)
    assert (refusal.status, refusal.reason, refusal.body) == (403, "Forbidden", b"")
    assert [name for name, _ in refusal.headers] == ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"]
    assert refusal.to.tag == stateless_tag(request(), SECRET)


@given(st.integers(0, 400))
def test_it_is_never_longer_than_the_request_and_drops_headers_first(size: int) -> None:
    extra = (("Unsupported", "a-rather-long-option-tag"),)
    data = refuse_statelessly(request(), 420, secret=SECRET, size_max=size, headers=extra)
    with_all = refuse_statelessly(request(), 420, secret=SECRET, size_max=10_000, headers=extra)
    bare = refuse_statelessly(request(), 420, secret=SECRET, size_max=10_000)
    assert with_all is not None
    assert bare is not None
    expected = with_all if len(with_all) <= size else bare if len(bare) <= size else None
    assert data == expected


def test_a_to_that_has_a_tag_keeps_it() -> None:
    data = refuse_statelessly(request(To="<sip:c@d>;tag=kept"), 481, secret=SECRET, size_max=1_000)
    assert data is not None
    refusal = parse(data)
    assert refusal.to.tag == "kept"
