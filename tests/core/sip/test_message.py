import pytest

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import REASONS, Request, Response, respond
from callgate.core.sip.parse import parse


def invite() -> Request:
    return Request(
        "INVITE",
        "sip:agent@gate.example.com",
        Headers(
            [
                ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport, SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb"),
                ("v", "SIP/2.0/TLS 192.0.2.3;branch=z9hG4bKc"),
                ("Record-Route", "<sip:192.0.2.1;lr>"),
                ("From", '"Jo" <sip:jo@example.com>;tag=f1'),
                ("To", "<sip:agent@gate.example.com>"),
                ("Call-ID", "c1"),
                ("CSeq", "7 INVITE"),
                ("Contact", "<sip:jo@192.0.2.9>"),
                ("Max-Forwards", "70"),
                ("Timestamp", "54"),
                ("c", "Application/SDP ; charset=utf-8"),
            ]
        ),
        b"v=0\r\n",
    )


def test_headers_are_read_on_demand() -> None:
    request = invite()
    assert request.via.branch == "z9hG4bKa"
    assert [via.transport for via in request.vias] == ["UDP", "TCP", "TLS"]
    assert (request.cseq.number, request.cseq.method) == (7, "INVITE")
    assert (request.from_.tag, request.from_.display_name, request.to.tag) == ("f1", "Jo", None)
    assert (request.call_id, request.max_forwards, request.content_type) == ("c1", 70, "application/sdp")
    assert request.contact is not None
    assert request.contact.uri == "sip:jo@192.0.2.9"
    assert [address.uri for address in request.addresses("Record-Route")] == ["sip:192.0.2.1;lr"]


def test_what_was_read_is_kept_until_the_header_changes() -> None:
    request = invite()
    assert request.to is request.to
    request.headers.set("To", "<sip:other@example.com>;tag=x")
    assert request.to.tag == "x"


def test_absent_headers_are_none_where_they_are_optional_and_errors_where_not() -> None:
    empty = Request("OPTIONS", "sip:a@b")
    assert (empty.contact, empty.content_type, empty.max_forwards, empty.vias, empty.contacts) == (
        None,
        None,
        None,
        [],
        [],
    )
    for name in ("via", "cseq", "from_", "to", "call_id"):
        with pytest.raises(ParseError, match="missing"):
            getattr(empty, name)


def test_a_mistake_names_its_header() -> None:
    request = invite()
    request.headers.set("From", "nonsense")
    with pytest.raises(ParseError, match="From: not a uri: 'nonsense'"):
        _ = request.from_


def test_encoding_writes_the_length_of_the_body() -> None:
    request = invite()
    request.headers.add("Content-Length", "999")
    data = request.encode()
    assert data.startswith(b"INVITE sip:agent@gate.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060")
    assert data.endswith(b"\r\nContent-Length: 5\r\n\r\nv=0\r\n")
    assert data.count(b"Content-Length") == 1


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb"])
def test_a_line_break_of_ours_is_never_sent(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Request("BYE", "sip:a@b", Headers([("Reason", value)])).encode()
    with pytest.raises(ValueError, match="line break"):
        Request("BYE", value).encode()


@pytest.mark.rfc("3261", "8.2.6.2", "Headers and Tags")
def test_a_response_copies_what_it_must() -> None:
    request = invite()
    response = respond(request, 200, to_tag="t1", headers=[("Contact", "<sip:us@gate>")], body=b"x", content_type="a/b")
    assert (response.status, response.reason, response.body) == (200, "OK", b"x")
    assert list(response.headers) == [
        ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport, SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKb"),
        ("Via", "SIP/2.0/TLS 192.0.2.3;branch=z9hG4bKc"),
        ("Record-Route", "<sip:192.0.2.1;lr>"),
        ("From", '"Jo" <sip:jo@example.com>;tag=f1'),
        ("To", "<sip:agent@gate.example.com>;tag=t1"),
        ("Call-ID", "c1"),
        ("CSeq", "7 INVITE"),
        ("Contact", "<sip:us@gate>"),
        ("Content-Type", "a/b"),
    ]


@pytest.mark.rfc("3261", "8.2.6.1", "Sending a Provisional Response")
def test_trying_carries_the_timestamp_and_neither_tag_nor_route() -> None:
    response = respond(invite(), 100)
    assert response.headers.get("Timestamp") == "54"
    assert response.to.tag is None
    assert "Record-Route" not in response.headers


def test_a_refusal_carries_no_route() -> None:
    assert "Record-Route" not in respond(invite(), 403, to_tag="t").headers


@pytest.mark.rfc("3261", "8.2.6.2", "Headers and Tags")
def test_a_tag_of_the_request_stays() -> None:
    request = invite()
    request.headers.set("To", "<sip:agent@gate.example.com>;tag=theirs")
    assert respond(request, 200, to_tag="ours").to.tag == "theirs"


@pytest.mark.parametrize(("to", "tags"), [('"unclosed <sip:a@b>', 1), ('"unclosed <sip:a@b>;TAG=x', 1)])
def test_even_a_malformed_request_can_be_answered(to: str, tags: int) -> None:
    response = respond(Request("INVITE", "", Headers([("Via", "nonsense"), ("To", to)])), 400, "why\r\nnot", to_tag="t")
    assert response.encode().startswith(b"SIP/2.0 400 why not\r\nVia: nonsense\r\n")
    assert (response.headers.get("To") or "").lower().count(";tag=") == tags


def test_option_tags_are_read_without_case_and_malformed_ones_are_none() -> None:
    request = Request(
        "INVITE", "sip:a@b", Headers([("k", "Timer, 100rel"), ("Supported", "x,,"), ("Require", '"a, b')])
    )
    assert request.option_tags("Supported") == {"timer", "100rel", "x"}
    assert request.option_tags("Require") == set()
    assert request.option_tags("Proxy-Require") == set()


def test_a_long_reason_is_cut() -> None:
    assert len(respond(invite(), 400, "x" * 10_000).reason) == 200


def test_statuses_without_a_usual_phrase_are_sent_without_one() -> None:
    assert respond(invite(), 699).encode().startswith(b"SIP/2.0 699 \r\n")
    assert all(100 <= status <= 699 and phrase for status, phrase in REASONS.items())


@pytest.mark.rfc("3581", "4", "Server Behavior")
def test_the_source_is_stamped_on_the_top_hop_alone() -> None:
    request = invite()
    request.stamp_source("198.51.100.7", 40000)
    assert request.via.received == "198.51.100.7"
    assert request.via.rport == 40000
    assert [via.host for via in request.vias] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert request.vias[1].received is None
    response = parse(respond(request, 200).encode())
    assert isinstance(response, Response)
    assert response.via.rport == 40000
