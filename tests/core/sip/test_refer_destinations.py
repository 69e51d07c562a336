"""Whom a caller may have us call: nobody who is not on the list, whatever the URI pretends."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.refer_destinations import parse_allowed
from callgate.core.sip.uri import parse_uri


def allowed(entry: str, uri: str, spoken: str = "udp") -> bool:
    return parse_allowed(entry).allows(parse_uri(uri), spoken)


@pytest.mark.parametrize(
    ("entry", "uri"),
    [
        ("pbx.example.org", "sip:100@PBX.example.org."),
        ("pbx.example.org", "sip:pbx.example.org:5060;transport=tcp"),
        ("pbx.example.org", "sips:100@pbx.example.org"),
        ("pbx.example.org", "sips:100@pbx.example.org:5061"),
        ("PBX.example.org:5070", "sip:100@pbx.example.org:5070"),
        ("pbx.example.org:*", "sip:100@pbx.example.org:40000"),
        ("10.0.0.0/8", "sip:100@10.1.2.3"),
        ("10.1.2.3", "sip:100@10.1.2.3"),
        ("10.1.2.3:5070", "sip:100@10.1.2.3:5070"),
        ("10.0.0.0/8:*", "sip:100@10.1.2.3:49152;transport=tcp"),
        ("[2001:db8::]:5070", "sip:100@[2001:db8::]:5070"),
        ("[2001:db8::/32]", "sip:100@[2001:db8::9]"),
        ("100@10.0.0.0/8", "sip:100@10.1.2.3"),
        ("100@10.0.0.0/8", "sip:%3100@10.1.2.3"),
        ("2*@pbx.example.org", "sip:2001@pbx.example.org"),
        ("+4420*@pbx.example.org", "sip:+44201234@pbx.example.org;user=phone"),
    ],
)
def test_who_is_on_the_list(entry: str, uri: str) -> None:
    assert allowed(entry, uri)


@pytest.mark.parametrize(
    ("entry", "uri"),
    [
        ("pbx.example.org", "sip:100@evil.example.org"),
        ("pbx.example.org", "sip:100@pbx.example.org.evil.example"),
        ("pbx.example.org", "sip:100@pbx.example.org:5070"),
        ("pbx.example.org:5070", "sip:100@pbx.example.org"),
        ("pbx.example.org", "sip:100@pbx.example.org;maddr=192.0.2.66"),
        ("pbx.example.org", "sip:100@192.0.2.1"),
        ("10.0.0.0/8", "sip:100@10.1.2.3;maddr=192.0.2.66"),
        ("10.0.0.0/8", "sip:100@10.1.2.3:5070"),
        ("10.0.0.0/8", "sip:100@11.1.2.3"),
        ("10.0.0.0/8", "sip:100@localhost"),
        ("10.0.0.0/8", "sip:100@10.1"),
        ("10.0.0.0/8", "sip:100@0x0a010203"),
        ("10.0.0.0/8", "sip:100@[::ffff:10.1.2.3]"),
        ("0.0.0.0/0:*", "sip:100@224.0.0.1"),
        ("0.0.0.0/0:*", "sip:100@0.0.0.0"),
        ("0.0.0.0/0:*", "sip:100@pbx.example.org"),
        ("10.1.2.3", "sip:100@10.1.2.3;transport=sctp"),
        ("10.1.2.3", "sips:100@10.1.2.3:5060"),
        ("100@10.0.0.0/8", "sip:1000@10.1.2.3"),
        ("100@10.0.0.0/8", "sip:10.1.2.3"),
        ("2*@pbx.example.org", "sip:900@pbx.example.org"),
        ("2*@pbx.example.org", "sip:2001;phone-context=+900@pbx.example.org"),
        ("2*@pbx.example.org", "sip:%ff2@pbx.example.org"),
    ],
)
def test_who_is_not(entry: str, uri: str) -> None:
    assert not allowed(entry, uri)


def test_the_usual_port_is_that_of_the_transport() -> None:
    assert allowed("10.1.2.3", "sip:100@10.1.2.3", "tls")
    assert allowed("10.1.2.3", "sip:100@10.1.2.3:5061", "tls")
    assert not allowed("10.1.2.3", "sip:100@10.1.2.3:5061", "udp")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "@host.example",
        "a*b@host.example",
        "**@host.example",
        "a@b@host.example",
        "10.1",
        "10.0.0.0/33",
        "10.0.0.0:0",
        "host.example:65536",
        "host.example:port",
        "host example",
        "2001:db8::1",
        "[2001:db8::1",
        "*",
        "*.example.org",
        "sip:host.example",
    ],
)
def test_what_is_no_entry_is_refused_in_words(entry: str) -> None:
    with pytest.raises(ValueError, match="expected a host name"):
        parse_allowed(entry)


@given(st.text(max_size=40))
def test_anything_is_an_entry_or_refused(text: str) -> None:
    with suppress(ValueError):
        parse_allowed(text)
