import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.name_addr import NameAddr, parse_name_addr


@pytest.mark.rfc("3261", "20.10", "Contact")
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:a@b", NameAddr(None, "sip:a@b")),
        ("sip:a@b;tag=1;x", NameAddr(None, "sip:a@b", (("tag", "1"), ("x", None)))),
        ("<sip:a@b;lr>;tag=1", NameAddr(None, "sip:a@b;lr", (("tag", "1"),))),
        ("Jo <sip:a@b>", NameAddr("Jo", "sip:a@b")),
        ("Jo<sip:a@b>", NameAddr("Jo", "sip:a@b")),
        ('"" <sip:a@b>', NameAddr(None, "sip:a@b")),
        ('"Jo \\"J\\" <x>"<sip:a@b> ; tag = 1', NameAddr('Jo "J" <x>', "sip:a@b", (("tag", "1"),))),
        ("Bell, Alexander <sip:a@b>", NameAddr("Bell, Alexander", "sip:a@b")),
        ("Jörg (home) <sip:a@b>", NameAddr("Jörg (home)", "sip:a@b")),
        ("< sip:a@b >", NameAddr(None, "sip:a@b")),
        ("<tel:+15550100>", NameAddr(None, "tel:+15550100")),
        ("isbn:2983792873", NameAddr(None, "isbn:2983792873")),
        ('sip:a@b;x="<sip:c@d>"', NameAddr(None, "sip:a@b", (("x", '"<sip:c@d>"'),))),
    ],
)
def test_addresses_are_read(text: str, address: NameAddr) -> None:
    assert parse_name_addr(text) == address
    assert parse_name_addr(str(address)) == address


@pytest.mark.rfc("3261", "20", "Header Fields")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        '"Jo <sip:a@b>',
        '"Jo" sip:a@b',
        "<sip:a@b",
        "Jo sip:a@b",
        "sip:a@b>",
        "<sip:a b>",
        "<>",
        "<a@b>",
        "<sip:a@b> tag=1",
        "<sip:a@b>;",
        "<sip:a@b>;tag=1;tag=2",
        "sip:a@b?Route=x",
        "sip:a,b@c",
        "a>b <sip:a@b>",
        "<sip:a\x00@b>",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_name_addr(text)


def test_a_tag_is_added_or_replaced() -> None:
    address = parse_name_addr('"Jo" <sip:a@b>;x=1')
    assert address.tag is None
    tagged = address.with_parameter("tag", "t1").with_parameter("tag", "t2")
    assert tagged.tag == "t2"
    assert str(tagged) == '"Jo" <sip:a@b>;x=1;tag=t2'


@given(st.text(alphabet='a:<>";=,\\ \t\x00é', max_size=30))
def test_only_its_own_error_is_raised_and_what_is_read_can_be_written(text: str) -> None:
    try:
        address = parse_name_addr(text)
    except ParseError:
        return
    assert parse_name_addr(str(address)) == address


@given(st.text(min_size=1))
def test_any_display_name_survives(name: str) -> None:
    assert parse_name_addr(str(NameAddr(name, "sip:a@b"))).display_name == name
