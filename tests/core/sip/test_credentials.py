import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.credentials import CUT, without_credentials
from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request
from callgate.core.sip.parse import parse

VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=60)


@given(value=VALUE, name=st.sampled_from(["Authorization", "Proxy-Authorization", "AUTHORIZATION"]))
def test_credentials_are_cut_and_all_else_stays(value: str, name: str) -> None:
    items = [("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("X-Before", "a"), (name, value), ("X-After", "b")]
    message = Request("INVITE", "sip:a@example.org", Headers(items), b"v=0\r\n").encode()
    cut = without_credentials(message)
    assert value.encode() not in cut
    assert cut.replace(CUT, value.encode()) == message or CUT.decode() in value


@pytest.mark.parametrize(
    "lines",
    [
        b"Authorization: Digest secret",
        b"authorization:secret",
        b"Proxy-Authorization \t: \tsecret",
        b"Authorization: Digest\r\n\tresponse=secret,\r\n  opaque=secret",
        b"Authorization: Digest secret\r\nAuthorization: Basic secret",
    ],
)
def test_however_they_are_written(lines: bytes) -> None:
    cut = without_credentials(b"INVITE sip:a@b SIP/2.0\r\n" + lines + b"\r\nTo: <sip:a@b>\r\n\r\n")
    assert b"secret" not in cut
    assert cut.startswith(b"INVITE sip:a@b SIP/2.0\r\n")
    assert cut.endswith(b"\r\nTo: <sip:a@b>\r\n\r\n")


@given(data=st.binary(max_size=300))
def test_whatever_the_bytes_are(data: bytes) -> None:
    assert without_credentials(without_credentials(data)) == without_credentials(data)


@pytest.mark.parametrize(
    "header", [b"WWW-Authenticate: Digest nonce=1", b"X-Authorization: 7", b"Subject: Authorization: x"]
)
def test_others_are_left_alone(header: bytes) -> None:
    message = b"INVITE sip:a@b SIP/2.0\r\n" + header + b"\r\n\r\n"
    assert without_credentials(message) == message


def test_what_is_left_is_read_like_the_message() -> None:
    message = Request("INVITE", "sip:a@b", Headers([("To", "<sip:a@b>"), ("Authorization", "Digest x")])).encode()
    try:
        left = parse(without_credentials(message))
    except ParseError as error:
        raise AssertionError(error) from error
    assert left.headers.get("To") == "<sip:a@b>"
