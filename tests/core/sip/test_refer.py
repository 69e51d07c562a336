"""What a REFER asks for, and what of its URI is passed on."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request
from callgate.core.sip.refer import Referral, read_referral


def refer(*refer_to: str, **headers: str) -> Request:
    items = [("Refer-To", value) for value in refer_to]
    items += [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request("REFER", "sip:agent@example.org", Headers(items))


def read(*refer_to: str, **headers: str) -> Referral:
    return read_referral(refer(*refer_to, **headers))


@pytest.mark.rfc("3515", "2.1", "The Refer-To Header Field")
@pytest.mark.parametrize(
    ("refer_to", "uri"),
    [
        ("<sip:100@pbx.example.org>", "sip:100@pbx.example.org"),
        ("sip:100@pbx.example.org", "sip:100@pbx.example.org"),
        ('"The desk" <sips:100@10.0.0.1:5071;transport=tcp>;x=y', "sips:100@10.0.0.1:5071;transport=tcp"),
        ("<sip:pbx.example.org;method=INVITE;user=phone>", "sip:pbx.example.org;user=phone"),
        ("<sip:100@pbx.example.org?Subject=Hello&X-Evil=1&Route=%3Csip:evil%3E>", "sip:100@pbx.example.org"),
    ],
)
def test_whom_it_names(refer_to: str, uri: str) -> None:
    wanted = read(refer_to)
    assert (str(wanted.uri), wanted.method, wanted.headers, wanted.told) == (uri, "INVITE", (), True)


def test_what_is_no_text_can_be_stored_and_means_the_same() -> None:
    wanted = read("<sip:gr\udcfcn@pbx.example.org>", Referred_By="<sip:\udcff@b>")
    assert (str(wanted.uri), wanted.referred_by) == ("sip:gr%FCn@pbx.example.org", "sip:%FF@b")


def test_another_method_is_for_others_to_judge() -> None:
    assert read("<sip:100@pbx.example.org;method=BYE>").method == "BYE"


@pytest.mark.rfc("5589", "7.3", "Attended Transfer")
def test_an_attended_transfer_names_the_call_to_be_replaced() -> None:
    wanted = read("<sip:100@pbx.example.org?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only&Require=replaces>")
    assert wanted.headers == (("Replaces", "a@b;to-tag=1;from-tag=2;early-only"), ("Require", "replaces"))
    assert read("<sip:a@b?replaces=c%3bfrom-tag%3D0%3bto-tag=1>").headers == (("Replaces", "c;to-tag=1;from-tag=0"),)
    assert read("<sip:a@b?Require=replaces>").headers == ()
    assert read("<sip:a@b?Require=100rel&Replaces=c%3Bfrom-tag%3D0%3Bto-tag=1>").headers[1:] == ()


@pytest.mark.rfc("3892", "2.2", "Referee Behavior")
def test_who_refers_is_passed_on_without_a_token_that_is_not() -> None:
    wanted = read("<sip:a@b>", Referred_By='Alice <sip:alice@pbx.example.org>;cid="1@2";x=y')
    assert wanted.headers == (("Referred-By", '"Alice" <sip:alice@pbx.example.org>;x=y'),)
    assert wanted.referred_by == "sip:alice@pbx.example.org"
    with pytest.raises(ParseError, match="stands 2 times"):
        read_referral(
            Request("REFER", "sip:a@b", Headers([("Refer-To", "<sip:a@b>"), *[("Referred-By", "<sip:c@d>")] * 2]))
        )
    with pytest.raises(ParseError, match="Referred-By"):
        read("<sip:a@b>", Referred_By="nobody")


def test_whether_anybody_wants_to_know() -> None:
    assert not read("<sip:a@b>", Refer_Sub="False").told
    assert read("<sip:a@b>", Refer_Sub="true").told


@pytest.mark.parametrize(
    ("refer_to", "words"),
    [
        ([], "stands 0 times"),
        (["<sip:a@b>", "<sip:c@d>"], "stands 2 times"),
        (["<sip:a@b>, <sip:c@d>"], "something else than parameters"),
        (["<tel:+15550100>"], "neither sip nor sips"),
        (["<https://example.org>"], "neither sip nor sips"),
        (["nobody"], "not a uri"),
        (["<sip:a@b:0>"], "port"),
        (["<sip:a@b?Replaces=nothing>"], "to-tag"),
        (["<sip:a@b?Replaces=c%0D%0AX:%201%3Bto-tag%3D1%3Bfrom-tag%3D2>"], "Call-ID"),
        (["<sip:a@b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=d>"], "twice"),
        (["<sip:a@b?Replaces=%zz>"], "escape"),
    ],
)
def test_what_names_nobody(refer_to: list[str], words: str) -> None:
    with pytest.raises(ParseError, match=words) as refused:
        read(*refer_to)
    assert refused.value.status == 400


@given(st.text(max_size=80), st.sampled_from(["", "<sip:a@b?Replaces=", "<sip:a@b?", "sip:"]))
def test_anything_is_read_or_refused_in_words_and_never_breaks_a_line(text: str, before: str) -> None:
    with suppress(ParseError):
        wanted = read(before + text + (">" if "<" in before else ""))
        if "\n" not in text and "\r" not in text:
            Request("INVITE", str(wanted.uri), Headers(wanted.headers)).encode()
        (str(wanted.uri) + wanted.referred_by).encode()
