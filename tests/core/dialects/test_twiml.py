import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects.twiml import BYTES_MAX, Digits, Hangup, Pause, Stay, TwimlError, read_twiml


def test_verbs_are_read_in_their_order() -> None:
    text = """<?xml version="1.0" encoding="UTF-8"?>
    <Response>
      <Play digits="1w2#"/>
      <Pause length="3"/><Pause/>
      <Connect><Stream url="wss://bot.example/ws"><Parameter name="a" value="b"/></Stream></Connect>
      <Hangup/>
    </Response>"""
    assert read_twiml(text) == (Digits("1w2#"), Pause(3), Pause(1), Stay(), Hangup())


def test_a_document_may_ask_for_nothing() -> None:
    assert read_twiml("<Response/>") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not XML"),
        ("<Response>", "not XML"),
        ("<Answer/>", "expected <Response>"),
        ("<Response><Dial>+15551234</Dial></Response>", "<Dial> is not offered"),
        ("<Response><Play>https://x.example/a.mp3</Play></Response>", "of a file"),
        ('<Response><Play digits="1;2"/></Response>', "digits '1;2'"),
        ('<Response><Pause length="-1"/></Response>', "a pause of '-1'"),
        ('<Response><Pause length="²"/></Response>', "a pause of"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Response>&b;</Response>', "document type"),
        ("<Response>" + "<Hangup/>" * 51 + "</Response>", "more than 50"),
        ("<Response>" + "<Connect>" * 100 + "</Connect>" * 100 + "</Response>", "within"),
        ("x" * (BYTES_MAX + 1), "longer than"),
    ],
)
def test_what_cannot_be_obeyed_is_said(text: str, words: str) -> None:
    with pytest.raises(TwimlError, match=words):
        read_twiml(text)


@given(st.text() | st.text("<>/&;!?Response Play digits=\"'[]").map(lambda inner: f"<Response>{inner}</Response>"))
def test_no_document_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(TwimlError):
        assert len(read_twiml(text)) <= 50
