from callgate.phone.report import CallReport


def test_the_story_of_an_answered_call() -> None:
    report = CallReport(
        "sip:a@b", 200, "OK", ok=True, answered_ms=12.34, heard_ms=2_500.0, ended_by="caller", codec="PCMA"
    )
    assert report.story() == "answered after 12 ms (PCMA), heard 2.5 s of sound, we hung up"
    assert report.as_json()["answered_ms"] == 12.3
    secured = CallReport("sip:a@b", 200, "OK", answered_ms=1.0, codec="G722", srtp="AEAD_AES_128_GCM")
    assert "(G722, AEAD_AES_128_GCM)" in secured.story()


def test_the_story_of_others() -> None:
    assert CallReport("sip:a@b", None, "timed out").story() == "not answered: timed out"
    refused = CallReport("sip:a@b", 488, "Not Acceptable Here", why='305 callgate "video"')
    assert refused.story() == 'not answered: 488 Not Acceptable Here (305 callgate "video")'
    silent = CallReport("sip:a@b", 200, "OK", answered_ms=1.0, codec="PCMU", ended_by="callee")
    assert silent.story().endswith("heard nothing, the other side hung up")
