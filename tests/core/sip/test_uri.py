import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.uri import SipUri, dialled_user, parse_hostport, parse_uri, uri_host


@pytest.mark.rfc("3261", "19.1.1", "SIP and SIPS URI Components")
def test_every_component_is_found() -> None:
    uri = parse_uri("SIPS:al%69ce;npdi:secret@Example.COM:5061;Transport=TCP;lr;x=a%3Bb?Subject=hi&To=x")
    assert uri == SipUri(
        "sips",
        "al%69ce;npdi",
        "secret",
        "Example.COM",
        5061,
        (("transport", "TCP"), ("lr", None), ("x", "a%3Bb")),
        "Subject=hi&To=x",
    )
    assert (uri.transport, uri.loose, uri.parameter("x")) == ("tcp", True, "a%3Bb")


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:alice@example.com",
        "sip:alice:pw@example.com:5060;lr?a=b",
        "sip:+1-555-0100;phone-context=x@192.0.2.1;user=phone",
        "sip:[2001:db8::1]:5070",
        "sips:bob@[2001:db8::1];transport=tls",
        "sip:@example.com",
        "sip:a/b?c;d&e=f+g$,h@example.com.",
    ],
)
def test_writing_gives_back_what_was_read(text: str) -> None:
    assert str(parse_uri(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:x",
        "sip:a@b:",
        "sip:a@-b",
        "sip:a@b;",
        "sip:a@b;;lr",
        "sip:[2001:db8::1",
        "sip:[2001:db8::1]x",
        "sip:[nonsense]",
        "sip:2001:db8::10",
        "sip:a@b\x00",
        'sip:"a"@b',
        "<sip:a@b>",
        "sip:a@" + "b" * 256,
        "sip:a@bücher.example",
    ],
)
def test_what_is_no_sip_uri_is_refused_with_400(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


@pytest.mark.rfc("3261", "8.2.2.1", "To and Request-URI")
@pytest.mark.parametrize("text", ["http://example.com", "tel:+15550100", "soap.beep://x", "isbn:2983792873"])
def test_another_scheme_is_refused_with_416(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_uri(text)
    assert caught.value.status == 416


@pytest.mark.rfc("5118", "4.10", "IPv6 Reference Bug in RFC 3261 ABNF")
def test_three_colons_before_an_ipv4_tail_are_taken() -> None:
    assert parse_uri("sip:user@[2001:db8:::192.0.2.1]").host == "2001:db8:::192.0.2.1"


@pytest.mark.rfc("5118", "4.3", "Port Ambiguous in a SIP URI")
def test_a_port_inside_the_brackets_is_part_of_the_address() -> None:
    assert parse_hostport("[2001:db8::10:5070]") == ("2001:db8::10:5070", None)
    assert parse_hostport("[2001:db8::10]:5070") == ("2001:db8::10", 5070)


@pytest.mark.rfc("3261", "19.1.2", "Character Escaping Requirements")
@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("sip:+15550100@example.com", "+15550100"),
        ("sip:15550100@example.com;user=phone", "15550100"),
        ("SIPS:Agent_7@example.com", "Agent_7"),
        ("sip:+15550100;npdi;rn=+15550199@example.com", "+15550100"),
        ("sip:alice:secret@example.com", "alice"),
        ("sip:alice;x=1:secret@example.com", "alice"),
        ("sip:%61lice@example.com", "alice"),
        ("sip:%2561@example.com", "%61"),
        ("sip:caf%C3%A9@example.com", "café"),
        ("sip:café@example.com", "café"),
        ("sip:a%3Bb@example.com", "a;b"),
        ("sip:555%23@example.com", "555#"),
        ("sip:555#@example.com", "555#"),
        ("tel:+1-555-0100", "+1-555-0100"),
        ("tel:5550100;phone-context=+1", "5550100"),
        ("TEL:%2B15550100", "+15550100"),
        ("sip:example.com", None),
        ("sip:@example.com", None),
        ("sip:;x@example.com", None),
        ("tel:", None),
        ("sip:%00@example.com", None),
        ("sip:a%00b@example.com", None),
        ("sip:a\x00b@example.com", None),
        ("tel:1\x002", None),
        ("sip:%zz@example.com", None),
        ("sip:100%@example.com", None),
        ("sip:%4@example.com", None),
        ("sip:%FF@example.com", None),
        ("sip:%C3@example.com", None),
        ("sip:a\udcff@example.com", None),
        ("sip:alice@", None),
        ("http://alice@example.com", None),
        ("isbn:2983792873", None),
        ("", None),
    ],
)
def test_the_dialled_user(text: str, user: str | None) -> None:
    assert dialled_user(text) == user


@pytest.mark.rfc("3261", "19.1.4", "URI Comparison")
@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("sip:a@Gate.Example.COM", "gate.example.com"),
        ("sip:gate.example.com.:5060;lr", "gate.example.com"),
        ("sips:a@[2001:DB8::1]:5061", "2001:db8::1"),
        ("tel:+15550100", None),
        ("sip:", None),
        ("nonsense", None),
    ],
)
def test_the_host_for_comparison(text: str, host: str | None) -> None:
    assert uri_host(text) == host


@given(st.text(alphabet="sipte:@;=?%&+0aF[].- \x00é\udcff", max_size=40).map(lambda text: f"sip:{text}"))
def test_only_its_own_error_is_raised_and_what_is_read_can_be_written(text: str) -> None:
    dialled_user(text)
    try:
        uri = parse_uri(text)
    except ParseError:
        return
    assert parse_uri(str(uri)) == uri


@given(st.text(min_size=1).filter(lambda user: "\x00" not in user))
def test_any_user_can_be_dialled_when_it_is_escaped(user: str) -> None:
    escaped = "".join(f"%{byte:02x}" for byte in user.encode())
    assert dialled_user(f"sip:{escaped}@example.com") == user
