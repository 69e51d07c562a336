from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.replaces import Replaces, parse_replaces


@pytest.mark.rfc("3891", "6.1", "The Replaces Header")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            "98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff",
            Replaces("98732@sip.example.com", "ff87ff", "r33th4x0r"),
        ),
        ("12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only", Replaces("12adf2f34456gs5", "12345", "54321", True)),
        ("87134@171.161.34.23 ; TO-TAG=24796 ; from-tag=0", Replaces("87134@171.161.34.23", "24796", "")),
    ],
)
def test_a_dialog_is_named(value: str, found: Replaces) -> None:
    assert parse_replaces(value) == found


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a",
        "a;to-tag=1",
        "a;from-tag=1",
        ";to-tag=1;from-tag=2",
        "a;to-tag=1;to-tag=2;from-tag=3",
        "a;to-tag;from-tag=1",
    ],
)
def test_what_names_none(value: str) -> None:
    with pytest.raises(ParseError):
        parse_replaces(value)


@given(st.text(max_size=60), st.sampled_from(["", ";to-tag=a", ";from-tag=b", ";to-tag=a;from-tag=b"]))
def test_anything_is_read_or_refused_in_words(text: str, more: str) -> None:
    with suppress(ParseError):
        parse_replaces(text + more)
