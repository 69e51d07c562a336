import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.text import storable, storable_uri


@pytest.mark.parametrize(
    ("raw", "text", "uri"),
    [
        (b"plain", "plain", "plain"),
        ("gr\u00fcn".encode(), "gr\u00fcn", "gr\u00fcn"),
        (b"gr\xfcn", "gr\ufffdn", "gr%FCn"),
        (b"a\x00b", "a\ufffdb", "a%00b"),
    ],
)
def test_what_is_no_text_is_marked_or_escaped(raw: bytes, text: str, uri: str) -> None:
    came = raw.decode("utf-8", "surrogateescape")
    assert (storable(came), storable_uri(came)) == (text, uri)


@given(st.binary(max_size=40))
def test_anything_can_be_stored_then(raw: bytes) -> None:
    came = raw.decode("utf-8", "surrogateescape")
    for text in (storable(came), storable_uri(came)):
        text.encode()
        assert "\x00" not in text
