from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.headers import Headers
from callgate.core.sip.reason import reason_words, why, write_reason


def test_a_reason_is_written_and_read() -> None:
    assert write_reason("Q.850", 16, "over") == 'Q.850;cause=16;text="over"'
    assert why(603, None) == ()
    assert reason_words(Headers(why(603, "nobody's number"))) == "nobody's number"
    assert reason_words(Headers([("Reason", "SIP;cause=200")])) == "SIP;cause=200"
    assert reason_words(Headers()) == ""
    assert reason_words(Headers([("Reason", 'SIP;text="\udcff\x00"')])) == "\ufffd\ufffd"  # to be stored


@given(words=st.text())
def test_no_words_break_the_header(words: str) -> None:
    value = write_reason("SIP", 486, words)
    assert value.isprintable()
    assert value.count('"') == 2
    assert len(reason_words(Headers([("Reason", value)]))) == len(words[:200])
