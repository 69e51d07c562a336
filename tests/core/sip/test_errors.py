from callgate.core.sip.errors import REASON_CHARS_MAX, ParseError, SipError


def test_an_error_carries_the_status_to_answer_with_and_says_why() -> None:
    error = ParseError("uri scheme is neither sip nor sips: http", 416)
    assert isinstance(error, SipError)
    assert isinstance(error, ValueError)
    assert (error.status, error.reason, error.partial) == (416, "uri scheme is neither sip nor sips: http", None)
    assert str(error) == error.reason


def test_a_long_reason_is_cut() -> None:
    assert len(ParseError("x" * 10_000).reason) == REASON_CHARS_MAX


def test_the_usual_status_is_400() -> None:
    assert ParseError("x").status == 400
