import json

import pytest

from callgate.core.sip.attempt import attempt_of, unmapped
from callgate.core.sip.message import Request
from callgate.core.sip.parse import parse
from callgate.core.sip.uri import dialled_user
from callgate.entities.attempt import Defect


def request(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def test_what_admission_needs_is_taken_over() -> None:
    invite = request(
        b"INVITE sip:42@gate.example.com SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1\r\n"
        b'f: "Jo \\"J\\"" <sip:jo@example.com;x>;tag=1\r\nt: sip:+15550100@gate.example.com;tag=2\r\n'
        b"i: c1\r\nX-Account: 7\r\nc: Application/SDP;x=y\r\n\r\nv=0"
    )
    attempt = attempt_of(invite, "::ffff:192.0.2.1", 5060, "udp", None)
    assert (attempt.source_address, attempt.source_port, attempt.transport) == ("192.0.2.1", 5060, "udp")
    assert attempt.request_uri == "sip:42@gate.example.com"
    assert attempt.to_uri == "sip:+15550100@gate.example.com"
    assert (attempt.from_uri, attempt.from_display_name) == ("sip:jo@example.com;x", 'Jo "J"')
    assert (attempt.call_id, attempt.content_type, attempt.body) == ("c1", "application/sdp", b"v=0")
    assert [name for name, _ in attempt.headers] == ["Via", "From", "To", "Call-ID", "X-Account", "Content-Type"]
    assert attempt.defect is None


def test_a_request_that_lacks_everything_is_an_attempt_too() -> None:
    defect = Defect(400, "missing: To \udcff")
    attempt = attempt_of(request(b"INVITE x SIP/2.0\r\nFrom: ;;\r\n\r\n"), "192.0.2.1", 1, "tcp", defect)
    assert (attempt.to_uri, attempt.from_uri, attempt.from_display_name, attempt.call_id) == ("", None, None, "")
    assert attempt.defect == Defect(400, "missing: To \ufffd")


def test_text_can_be_stored_and_sent_whatever_the_bytes_were() -> None:
    attempt = attempt_of(
        request(
            b"INVITE sip:a\xffb@gate SIP/2.0\r\nTo: <sip:\xc3\xa9\xfe@gate>\r\n"
            b'From: "caf\xc3\xa9\x00\xff" <sip:j@b>\r\n'
            b"Call-ID: a\x00b\r\nX-Odd: \xff\x00ok\r\n\r\n"
        ),
        "192.0.2.1",
        5060,
        "udp",
        None,
    )
    assert attempt.request_uri == "sip:a%FFb@gate"
    assert attempt.to_uri == "sip:é%FE@gate"
    assert dialled_user(attempt.request_uri) is dialled_user(attempt.to_uri) is None
    assert attempt.from_display_name == "café\ufffd\ufffd"
    assert attempt.call_id == "a\ufffdb"
    assert dict(attempt.headers)["X-Odd"] == "\ufffd\ufffdok"
    assert json.dumps(attempt.headers, ensure_ascii=False).encode("utf-8")


@pytest.mark.rfc("4291", "2.5.5.2", "IPv4-Mapped IPv6 Address")
@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("::ffff:nonsense", "::ffff:nonsense"),
        ("2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_mapped_addresses_are_undone(address: str, plain: str) -> None:
    assert unmapped(address) == plain
