"""What the handler is asked, and who the caller is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.admission.question import caller_id, question_body, sip_headers
from tests.core.admission.rules import DOMAIN, invite


def test_the_body_has_the_five_keys_of_the_contract() -> None:
    attempt = invite("demo", headers=(("X-Foo", "1"), ("User-Agent", "x"), ("x-foo", "2"), ("Diversion", "<sip:d@x>")))
    assert question_body(attempt) == {
        "callerId": "alice",
        "fromDisplayName": "Alice",
        "fromUri": "sip:alice@peer.example",
        "toUri": f"sip:demo@{DOMAIN}",
        "sipHeaders": {"X-Foo": "1, 2", "Diversion": "<sip:d@x>"},
    }


def test_what_is_absent_is_null() -> None:
    body = question_body(invite(from_uri=None, from_display_name=None, to_uri=""))
    assert (body["callerId"], body["fromDisplayName"], body["fromUri"], body["toUri"]) == (None, None, None, None)


def test_whom_our_proxy_speaks_for_is_passed_on_to_nobody() -> None:
    attempt = invite(headers=(("X-Callgate-Source", "192.0.2.7"), ("x-CALLGATE-source", "192.0.2.7"), ("X-A", "b")))
    assert sip_headers(attempt) == {"X-A": "b"}


@pytest.mark.parametrize(
    ("asserted", "user"),
    [
        ("<sip:+4420@trunk.example>", "+4420"),
        ('"Smith, <Bob>" <sip:+4420@trunk.example>', "+4420"),
        ('"quote \\" in it" <tel:+4420>', "+4420"),
        ("sip:+4420@trunk.example", "+4420"),
        ("<sip:+4420@trunk.example>, <tel:+4421>", "+4420"),
        ("<sip:anonymous@anonymous.invalid>", "alice"),
        ("nonsense", "alice"),
        ("", "alice"),
    ],
)
def test_the_asserted_identity_comes_before_from(asserted: str, user: str) -> None:
    attempt = invite(headers=(("P-Asserted-Identity", asserted),))
    assert caller_id(attempt) == user
    assert caller_id(attempt, trust_asserted_identity=False) == "alice"


@pytest.mark.parametrize(
    "from_uri",
    [
        "sip:anonymous@anonymous.invalid",
        "sip:Anonymous@trunk.example",
        "sip:bob@anonymous.invalid",
        "sip:trunk.example",
        None,
    ],
)
def test_an_anonymous_caller_is_nobody(from_uri: str | None) -> None:
    assert caller_id(invite(from_uri=from_uri)) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_header_is_read_without_error(asserted: str, from_uri: str) -> None:
    caller_id(invite(from_uri=from_uri, headers=(("P-Asserted-Identity", asserted),)))
