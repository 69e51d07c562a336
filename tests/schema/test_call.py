from datetime import UTC, datetime
from uuid import uuid4

from callgate.entities.call import Call
from callgate.schema.call import render_call

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def call(**settings: object) -> Call:
    return Call(str(uuid4()), "a", None, None, str(uuid4()), NOW, dict(settings), {}, {})  # type: ignore[arg-type]


def test_what_is_required_and_not_nullable_is_there_for_an_inline_call() -> None:
    shown = render_call(call())
    for name in ("firstSpeaker", "firstSpeakerSettings", "initialState", "initialOutputMedium", "billingStatus"):
        assert shown[name] is not None, name
    assert shown["billingStatus"] == "BILLING_STATUS_FREE_OTHER"
    assert shown["agent"] is None
    assert not {"callbacks", "dataConnectionConfig", "externalVoice", "voiceOverrides"} & shown.keys()
    assert shown["created"] == "2026-07-01T12:00:00Z"


def test_names_that_differ_between_request_and_response() -> None:
    shown = render_call(
        call(
            dataConnection={"websocketUrl": "wss://x"},
            retentionPolicy="CALL_RETENTION_POLICY_AUTO_DELETE",
            firstSpeaker="FIRST_SPEAKER_USER",
            initialOutputMedium="MESSAGE_MEDIUM_UNSPECIFIED",
            sharedSecrets=["s" * 16],
        )
    )
    assert shown["dataConnectionConfig"] == {"websocketUrl": "wss://x"}
    assert shown["retentionPolicy"] == "auto_delete"
    assert shown["firstSpeaker"] == "FIRST_SPEAKER_USER"
    assert shown["firstSpeakerSettings"] == {"user": {}}
    assert shown["initialOutputMedium"] == "MESSAGE_MEDIUM_VOICE"
    assert "sharedSecrets" not in shown
