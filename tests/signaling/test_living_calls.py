from hypothesis import given
from hypothesis import strategies as st

from callgate.signaling.living_calls import LivingCalls


def test_a_message_of_a_living_call_is_known_by_its_call_id() -> None:
    living = LivingCalls()
    living.enter("a@b")
    for line in (b"Call-ID: a@b", b"i:a@b", b"CALL-ID \t:\ta@b  ", b"call-id:a@b"):
        assert living.named_in(b"BYE sip:x SIP/2.0\r\nVia: x\r\n" + line + b"\r\n\r\n")
    for line in (b"Call-ID: a@", b"Call-ID: A@b", b"X-Call-ID: a@b", b"Call-ID a@b", b""):
        assert not living.named_in(b"BYE sip:x SIP/2.0\r\nVia: x\r\n" + line + b"\r\n\r\n")


def test_one_call_may_be_entered_by_several() -> None:
    living = LivingCalls()
    message = b"BYE sip:x SIP/2.0\r\nCall-ID: a\r\n\r\n"
    living.enter("a")
    living.enter("a")
    living.leave("a")
    assert living.named_in(message)
    living.leave("a")
    assert not living.named_in(message)
    assert len(living) == 0


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_bear_none(data: bytes) -> None:
    living = LivingCalls()
    living.enter("a-call-id-that-nobody-guesses")
    assert not living.named_in(data)
