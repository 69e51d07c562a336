import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.via import Via, parse_via


@pytest.mark.rfc("3261", "20.42", "Via")
def test_every_component_is_found() -> None:
    via = parse_via("sip / 2.0 / udp  [2001:db8::9:1] : 6050 ; branch = z9hG4bKas3 ;rport;received=192.0.2.1")
    assert (via.transport, via.host, via.port) == ("UDP", "2001:db8::9:1", 6050)
    assert (via.branch, via.received, via.rport, via.wants_rport) == ("z9hG4bKas3", "192.0.2.1", None, True)
    assert str(via) == "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3;rport;received=192.0.2.1"


def test_an_old_sender_has_no_branch() -> None:
    via = parse_via("SIP/2.0/TCP host.example.com")
    assert (via.branch, via.port, via.received, via.wants_rport) == (None, None, None, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/3.0/UDP a",
        "HTTP/2.0/UDP a",
        "SIP/2.0/UDP a:0",
        "SIP/2.0/UDP a:99999",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP a;",
        "SIP/2.0/UDP a;;branch=x",
        "SIP/2.0/UDP a;branch=1;branch=2",
        "SIP/2.0/UDP [x]",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP é",
    ],
)
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_via(text)


@pytest.mark.parametrize("rport", ["0", "65536", "x", "-1", "٣"])
def test_a_bad_rport_is_refused_when_it_is_read(rport: str) -> None:
    via = parse_via(f"SIP/2.0/UDP a;rport={rport}")
    with pytest.raises(ParseError):
        _ = via.rport


@pytest.mark.rfc("3261", "18.2.1", "Receiving Requests")
def test_received_is_noted_only_when_the_source_differs() -> None:
    via = parse_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx")
    assert via.stamped("192.0.2.1", 5060) is via
    assert str(via.stamped("198.51.100.7", 40000)) == "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx;received=198.51.100.7"


@pytest.mark.rfc("3581", "4", "Server Behavior")
def test_rport_is_filled_in_with_the_source_even_when_the_address_is_the_same() -> None:
    stamped = parse_via("SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bKx").stamped("192.0.2.1", 40000)
    assert (stamped.received, stamped.rport) == ("192.0.2.1", 40000)


@pytest.mark.rfc("3261", "18.2.1", "Receiving Requests")
def test_what_the_sender_claims_to_have_received_is_replaced() -> None:
    forged = parse_via("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=1;branch=z9hG4bKx")
    stamped = forged.stamped("192.0.2.1", 40000)
    assert (stamped.received, stamped.rport) == ("192.0.2.1", 40000)
    assert parse_via("SIP/2.0/UDP 192.0.2.1;received=203.0.113.9").stamped("192.0.2.1", 4).received == "192.0.2.1"


@given(st.text(alphabet="SIP/2.0UDab:[];=r \t\x00é", max_size=40).map(lambda text: f"SIP/2.0/UDP {text}"))
def test_only_its_own_error_is_raised_and_what_is_read_can_be_written(text: str) -> None:
    try:
        via = parse_via(text)
    except ParseError:
        return
    assert parse_via(str(via)) == via
    assert isinstance(via, Via)
