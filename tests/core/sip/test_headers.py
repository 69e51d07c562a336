import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers, canonical, split_commas


@pytest.mark.rfc("3261", "7.3.1", "Header Field Format")
@pytest.mark.rfc("3261", "7.3.3", "Compact Form")
def test_names_are_compared_without_case_and_in_either_form() -> None:
    headers = Headers([("v", "one"), ("VIA", "two"), ("x-Account", "7"), ("call-id", "c")])
    assert headers.all("Via") == headers.all("v") == headers.all("vIa") == ["one", "two"]
    assert headers.get("X-ACCOUNT") == "7"
    assert headers.get("i") == "c"
    assert headers.get("Contact") is None
    assert "l" not in headers
    assert "I" in headers


def test_names_the_core_reads_are_respelt_and_others_stay_as_they_came() -> None:
    assert list(Headers([("CSEQ", "1 ACK"), ("x-fOO", "1"), ("p-asserted-identity", "i"), ("m", "c")])) == [
        ("CSeq", "1 ACK"),
        ("x-fOO", "1"),
        ("p-asserted-identity", "i"),
        ("Contact", "c"),
    ]


@pytest.mark.parametrize(("short", "long"), [("f", "From"), ("T", "To"), ("x", "Session-Expires"), ("cSeQ", "CSeq")])
def test_canonical(short: str, long: str) -> None:
    assert canonical(short) == long


def test_changes_are_seen_and_keep_the_order() -> None:
    headers = Headers([("Via", "a"), ("To", "t"), ("Via", "b")])
    assert headers.get("To") == "t"
    headers.prepend("v", "z")
    headers.add("X-Foo", "1")
    headers.set("t", "u")
    headers.set_first("Via", "y")
    assert list(headers) == [("Via", "y"), ("Via", "a"), ("To", "u"), ("Via", "b"), ("X-Foo", "1")]
    assert headers.get("To") == "u"
    headers.set("Via", "only")
    headers.set("From", "f")
    assert list(headers) == [("Via", "only"), ("To", "u"), ("X-Foo", "1"), ("From", "f")]
    headers.remove("x-foo")
    assert "X-Foo" not in headers
    assert len(headers) == 3
    with pytest.raises(KeyError):
        headers.set_first("X-Foo", "1")


def test_a_copy_is_independent() -> None:
    headers = Headers([("To", "t")])
    copy = headers.copy()
    copy.add("From", "f")
    assert headers == Headers([("To", "t")])
    assert copy != headers


@pytest.mark.rfc("3261", "7.3.1", "Header Field Format")
@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        ('"x, y" <sip:a,b@c>, <sip:d>;q="1,2"', ['"x, y" <sip:a,b@c>', '<sip:d>;q="1,2"']),
        ('"\\",<" <sip:a>,b', ['"\\",<" <sip:a>', "b"]),
        ("a,,b,", ["a", "", "b", ""]),
        ("", [""]),
    ],
)
def test_lists_are_split_outside_quotes_and_brackets(value: str, elements: list[str]) -> None:
    assert split_commas(value) == elements


@pytest.mark.parametrize("value", ['a,"b', "a,<b", '"a\\",b'])
def test_unbalanced_lists_are_refused(value: str) -> None:
    with pytest.raises(ParseError):
        split_commas(value)


@pytest.mark.rfc("3261", "7.3.1", "Header Field Format")
def test_elements_run_over_all_lines() -> None:
    assert Headers([("k", "timer, 100rel"), ("Supported", "replaces")]).elements("Supported") == [
        "timer",
        "100rel",
        "replaces",
    ]


@given(st.lists(st.from_regex(r'[a-z]+|"[a-z,<>]*"|<[a-z,"]*>', fullmatch=True), min_size=1, max_size=5))
def test_joined_elements_are_split_again(elements: list[str]) -> None:
    assert split_commas(", ".join(elements)) == elements
