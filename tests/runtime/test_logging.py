import json

import pytest

from callgate.runtime.logging import configure_logging


def test_a_line_is_a_name_and_fields_and_nothing_is_said_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = configure_logging("json")
    log("call.ended", outcome="caller-hangup", detail=None)
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "call.ended"
    assert line["outcome"] == "caller-hangup"
    assert "detail" not in line
