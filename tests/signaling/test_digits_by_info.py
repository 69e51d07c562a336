import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.message import Request
from callgate.signaling.digits_by_info import answer_info, digit_of


@pytest.mark.parametrize("body", [b"Signal=\r\n", b"Signal=55\r\n", b"\xff\xfe", b"Duration=5", b"Signal=E"])
def test_what_is_no_digit(body: bytes) -> None:
    assert digit_of(body, relay=True)[0] is None


@given(st.binary(max_size=400), st.sampled_from(["application/dtmf-relay", "application/dtmf", "text/plain"]))
def test_any_body_is_a_digit_or_refused(body: bytes, content_type: str) -> None:
    info = Request("INFO", "sip:a@b", body=body)
    info.headers.add("Content-Type", content_type)
    response, pressed = answer_info(info)
    assert response.status in (200, 400, 415)
    if pressed is not None:
        assert response.status == 200
        assert pressed[0] in "0123456789*#ABCD"
        assert 0 < pressed[1] <= 10_000
