import pytest

from callgate.core.sip.errors import REASON_CHARS_MAX
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.parse import parse
from callgate.core.sip.validate import validate_request, validate_response
from callgate.entities.attempt import Defect

SUPPORTED = frozenset({"timer"})
LINES = {
    "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx",
    "From": "<sip:jo@example.com>;tag=1",
    "To": "<sip:agent@example.com>",
    "Call-ID": "c@192.0.2.1",
    "CSeq": "1 INVITE",
    "Contact": "<sip:jo@192.0.2.1>",
    "Max-Forwards": "70",
}


def invite(extra: str = "", *, uri: str = "sip:agent@example.com", body: str = "", **changes: str | None) -> Request:
    """An INVITE; `changes` replace a header (underscores for hyphens) or drop it (`None`)."""
    lines = dict(LINES)
    for key, value in changes.items():
        name = key.replace("_", "-")
        if value is None:
            del lines[name]
        else:
            lines[name] = value
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    message = parse(f"INVITE {uri} SIP/2.0\r\n{head}{extra}\r\n{body}".encode())
    assert isinstance(message, Request)
    return message


def judge(message: Request) -> Defect | None:
    return validate_request(message, supported=SUPPORTED)


def test_a_plain_invite_is_well_formed() -> None:
    assert judge(invite()) is None


@pytest.mark.rfc("3261", "8.1.1", "Generating the Request")
@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
@pytest.mark.parametrize("value", [None, ""])
def test_each_mandatory_header_is_asked_for(name: str, value: str | None) -> None:
    defect = judge(invite(**{name.replace("-", "_"): value}))  # type: ignore[arg-type]
    assert defect == Defect(400, f"missing: {name}")


@pytest.mark.rfc("4475", "3.4.1", "INVITE with RFC 2543 Syntax")
def test_old_senders_without_max_forwards_and_tag_are_served() -> None:
    assert judge(invite(Max_Forwards=None, From="<sip:jo@example.com>", Via="SIP/2.0/UDP 192.0.2.1")) is None


@pytest.mark.rfc("4475", "3.3.11", "Max-Forwards of Zero")
def test_max_forwards_0_is_served() -> None:
    assert judge(invite(Max_Forwards="0")) is None


@pytest.mark.rfc("3261", "7.3.1", "Header Field Format")
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("i: other", "Call-ID"),
        ("Call-ID: c@192.0.2.1", "Call-ID"),
        ("f: <sip:x@y>;tag=2", "From"),
        ("To: <sip:x@y>", "To"),
        ("CSeq: 2 INVITE", "CSeq"),
        ("Max-Forwards: 5", "Max-Forwards"),
        ("c: a/b\r\nContent-Type: application/sdp", "Content-Type"),
    ],
)
def test_headers_that_stand_once_may_not_stand_twice(line: str, name: str) -> None:
    assert judge(invite(line + "\r\n")) == Defect(400, f"{name} stands 2 times, expected once")


@pytest.mark.rfc("3261", "8.1.1.5", "CSeq")
@pytest.mark.rfc("3261", "8.1.1.8", "Contact")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"CSeq": "1 BYE"}, "CSeq: method is BYE, expected the request's, INVITE"),
        ({"CSeq": "2147483648 INVITE"}, "CSeq: number is 2^31 or more: 2147483648"),
        ({"Contact": None}, "Contact: an INVITE must have exactly one, this has none"),
        ({"Contact": "<sip:a@b>, <sip:c@d>"}, "Contact: an INVITE must have exactly one, this has 2"),
        ({"Contact": "*"}, "Contact: not a uri: '*'"),
        ({"Contact": "<http://example.com>"}, "Contact: uri scheme is neither sip nor sips: http"),
        ({"Contact": "<sip:jo@192.0.2.1:0>"}, "Contact: port is not 1 to 65535: '0'"),
        ({"Max_Forwards": "256"}, "Max-Forwards: not 0 to 255: '256'"),
        ({"Max_Forwards": "many"}, "Max-Forwards: not 0 to 255: 'many'"),
        ({"From": "<sip:jo@example.com>;tag=1;tag=2"}, "From: parameter stands twice: tag"),
        ({"From": "<sip:a@b@c>;tag=1"}, "From: uri has a second @, expected %40: 'sip:a@b@c'"),
        ({"To": '"Agent <sip:agent@example.com>'}, "To: display name has no closing quote"),
        ({"Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"}, "Via: branch is z9hG4bK alone"),
        ({"Via": "SIP/2.0/UDP a, nonsense"}, "Via: not SIP/2.0/transport"),
        ({"Via": "SIP/2.0/UDP a;rport=x"}, "rport is not 1 to 65535"),
        ({"Call_ID": "a b"}, "Call-ID: holds a blank"),
        ({"Call_ID": "a" * 513}, "Call-ID: over 512 characters: 513"),
        ({"uri": "sip:a@b?Subject=x"}, "request-uri carries headers"),
        ({"uri": "<sip:a@b>"}, "request-uri is not a uri"),
        ({"uri": "tel:"}, "not a tel uri"),
        ({"extra": "Record-Route: nonsense\r\n"}, "Record-Route: not a uri"),
        ({"extra": "Record-Route: <tel:1>\r\n"}, "Record-Route: uri scheme is neither"),
        ({"extra": "Route: <sip:a@b>, \r\n"}, "Route: not a uri"),
        ({"extra": 'Require: "a, b\r\n'}, "unbalanced quote"),
        ({"extra": "Require: a b\r\n"}, "Require: not an option tag"),
        ({"extra": "v: SIP/2.0/UDP a" + ",SIP/2.0/UDP a" * 300 + "\r\n"}, "Via: more than 255 hops: 302"),
        ({"Contact": "<sip:" + "a" * 3000 + "@b:0>"}, "Contact: port is not"),
    ],
)
def test_malformed_requests_are_refused_in_words(changes: dict[str, str | None], words: str) -> None:
    defect = judge(invite(**changes))  # type: ignore[arg-type]
    assert defect is not None
    assert defect.status == 400
    assert words in defect.reason
    assert len(defect.reason) <= REASON_CHARS_MAX


@pytest.mark.parametrize("uri", ["tel:+15550100", "TEL:+1-555-0100;x=y", "sips:agent@example.com", "sip:example.com"])
def test_these_request_uris_are_served(uri: str) -> None:
    assert judge(invite(uri=uri)) is None


@pytest.mark.rfc("3261", "8.2.2.1", "To and Request-URI")
def test_another_scheme_is_refused_with_416() -> None:
    defect = judge(invite(uri="h323:agent@example.com"))
    assert defect is not None
    assert defect.status == 416


def test_another_scheme_in_from_and_to_is_served() -> None:
    assert judge(invite(From="<http://example.com>;tag=1", To="isbn:2983792873")) is None


@pytest.mark.rfc("3261", "8.2.2.3", "Require")
def test_what_is_required_and_unknown_is_listed() -> None:
    assert judge(invite("Require: timer, 100rel\r\nRequire: Foo\r\n")) == Defect(
        420, "requires an unknown extension: 100rel, Foo", (("Unsupported", "100rel, Foo"),)
    )
    assert judge(invite("Require: Timer\r\nProxy-Require: foo\r\n")) is None


@pytest.mark.rfc("3261", "8.2.2.3", "Require")
def test_cancel_may_require_what_it_likes() -> None:
    cancel = invite("Require: foo\r\n", CSeq="1 CANCEL")
    cancel.method = "CANCEL"
    assert judge(cancel) is None


@pytest.mark.rfc("3261", "8.2.3", "Content Processing")
def test_an_encoded_body_is_refused_with_415() -> None:
    assert judge(invite("Content-Encoding: gzip\r\n", body="x")) == Defect(
        415, "content-encoding is 'gzip', expected none", (("Accept-Encoding", "identity"),)
    )
    assert judge(invite("Content-Encoding: identity\r\n", body="x")) is None


def test_another_version_is_refused_first() -> None:
    message = parse(b"INVITE x SIP/3.0\r\n\r\n")
    assert isinstance(message, Request)
    assert judge(message) == Defect(505, "version is SIP/3.0, expected SIP/2.0")


@pytest.mark.rfc("4475", "3.1.2.12", "Invalid Time Zone in Date Header Field")
@pytest.mark.parametrize("date", ["Date: Fri, 01 Jan 2010 16:00:00 EST", "Expires: never"])
def test_values_that_are_not_used_are_not_judged(date: str) -> None:
    assert judge(invite(date + "\r\n")) is None


def test_other_methods_need_no_contact() -> None:
    options = invite(CSeq="1 OPTIONS", Contact=None)
    options.method = "OPTIONS"
    assert judge(options) is None


def answer() -> Response:
    return respond(invite(), 200, to_tag="t")


def test_a_response_to_us_is_well_formed() -> None:
    assert validate_response(answer()) is None


@pytest.mark.rfc("3261", "8.1.3.3", "Vias")
@pytest.mark.rfc("3261", "18.1.2", "Receiving Responses")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Call-ID", "", "missing: Call-ID"),
        ("CSeq", "9292394834772304023312 INVITE", "CSeq: number"),
        ("Via", "SIP/2.0/UDP a, SIP/2.0/UDP b", "more than one Via"),
        ("From", "<sip:a b>", "From: not a uri"),
    ],
)
def test_a_useless_response_is_dropped(name: str, value: str, words: str) -> None:
    response = answer()
    response.headers.set(name, value)
    defect = validate_response(response)
    assert defect is not None
    assert words in defect.reason


def test_a_response_with_a_header_twice_is_dropped() -> None:
    response = answer()
    response.headers.add("To", "<sip:x@y>")
    defect = validate_response(response)
    assert defect is not None
    assert "To stands 2 times" in defect.reason


@pytest.mark.rfc("4028", "9", "UAS Behavior")
def test_a_session_interval_that_is_too_small_is_refused_with_422() -> None:
    assert judge(invite("Supported: timer\r\nx: 60\r\n")) == Defect(
        422, "session interval is 60 s, expected 90 or more", (("Min-SE", "90"),)
    )
    assert judge(invite("Session-Expires: 60\r\n")) is None  # its sender could make nothing of that


def test_the_new_contact_of_an_update_is_one_that_requests_can_be_sent_to() -> None:
    for contact, good in (("<sip:a@b>", True), (None, True), ("<tel:+1>", False), ("<sip:", False)):
        update = invite(CSeq="1 UPDATE", Contact=contact)
        update.method = "UPDATE"
        assert (judge(update) is None) is good
