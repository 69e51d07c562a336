import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.cseq import CSeq, parse_cseq
from callgate.core.sip.errors import ParseError
from callgate.core.sip.limits import CSEQ_MAX


@pytest.mark.rfc("3261", "20.16", "CSeq")
@given(st.integers(0, CSEQ_MAX), st.sampled_from(["INVITE", "!odd-Method"]))
def test_reading_is_the_twin_of_writing(number: int, method: str) -> None:
    assert parse_cseq(str(CSeq(number, method))) == CSeq(number, method)


def test_leading_zeros_and_blanks_are_taken() -> None:
    assert parse_cseq(" 0009 \t INVITE ") == CSeq(9, "INVITE")


@pytest.mark.rfc("3261", "8.1.1.5", "CSeq")
def test_numbers_from_2_to_the_31_are_refused() -> None:
    with pytest.raises(ParseError, match="2147483648"):
        parse_cseq("2147483648 INVITE")


@pytest.mark.rfc("3261", "20.16", "CSeq")
@pytest.mark.parametrize("text", ["", "1", "INVITE", "-1 INVITE", "1 INV ITE", "1INVITE", "٣ INVITE", "9" * 65 + " A"])
def test_what_is_no_cseq_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_cseq(text)
