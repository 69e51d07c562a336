from pathlib import Path
from typing import Any

import pytest

from callgate.config.load import SettingError, load
from callgate.config.models import Model, ModelError, read_models

OPENAI = {"kind": "openai-realtime", "url": "wss://api.example.org/v1/realtime", "api_key_env": "KEY"}


def test_a_file_names_models_and_the_default(tmp_path: Path) -> None:
    file = tmp_path / "callgate.toml"
    file.write_text(
        'model.default = "voice"\n[models.voice]\nkind = "openai-realtime"\nurl = "wss://a.example"\n'
        'api_key_env = "KEY"\nmodel = "gpt-realtime-2.1"\n[models."ultravox-v0.7"]\nkind = "demo"\n'
    )
    settings = load(environment={"KEY": "secret"}, file=file)
    assert settings.model_default == "voice"
    assert settings.models == {
        "voice": Model(kind="openai-realtime", url="wss://a.example", api_key="secret", model="gpt-realtime-2.1"),
        "ultravox-v0.7": Model(kind="demo"),
    }
    assert "secret" not in repr(settings)


def test_without_a_file_there_is_the_demo_agent() -> None:
    assert (load().models, load().model_default) == ({}, "demo")


CASCADE = {"kind": "cascade", "url": "http://a/v1", "speech_url": "http://b/v1"}


def test_a_cascade_has_three_servers_with_a_key_each(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("third\n")
    table = {
        **CASCADE,
        "model": "fixie-ai/ultravox",
        "api_key_env": "FIRST",
        "speech_model": "kokoro",
        "speech_voice": "af_heart",
        "speech_api_key_env": "SECOND",
        "transcription_url": "http://c/v1",
        "transcription_model": "whisper",
        "transcription_api_key_file": str(tmp_path / "key"),
        "audio_input": False,
        "tools": False,
    }
    model = read_models({"m": table}, {"FIRST": "first", "SECOND": "second"}, "f")["m"]
    assert (model.api_key, model.speech_api_key, model.transcription_api_key) == ("first", "second", "third")
    assert (model.speech_voice, model.audio_input, model.tools) == ("af_heart", False, False)
    assert not any(key in repr(model) for key in ("first", "second", "third"))


def test_a_cascade_listens_and_uses_tools_unless_it_is_told_otherwise() -> None:
    model = read_models({"m": CASCADE}, {}, "f")["m"]
    assert (model.audio_input, model.tools, model.transcription_url) == (True, True, "")


def test_voices_are_named_once(tmp_path: Path) -> None:
    assert read_models({"m": {**CASCADE, "voices": ["a", "b", "a"]}}, {}, "f")["m"].voices == ("a", "b")


def test_a_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    table = {"kind": "openai-realtime", "url": "ws://127.0.0.1:1", "api_key_file": str(tmp_path / "key")}
    assert read_models({"m": table}, {}, "f")["m"].api_key == "secret"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            {},
            "kind is ''; expected one of cascade, demo, media-streams, openai-realtime, pipecat, ultravox, websocket",
        ),
        ({"kind": "magic"}, "kind is 'magic'"),
        ({"kind": "openai-realtime"}, "url is ''; expected one that begins with wss://"),
        ({**OPENAI, "url": "https://a"}, "url is 'https://a'"),
        (OPENAI, "the environment has no KEY"),
        ({**OPENAI, "api_key_file": "/x"}, "expected one of them"),
        ({"kind": "demo", "api_key": "sk-1"}, "a key has no place in the file; expected api_key_env or api_key_file"),
        ({"kind": "demo", "api_key_file": "/no/such"}, "cannot read the key in /no/such"),
        ({"kind": "demo", "colour": "red"}, "nothing is called colour"),
        ({"kind": 5}, "kind is 5; expected a text"),
        ({"kind": "pipecat"}, "bot is ''; expected module:function"),
        ({"kind": "pipecat", "bot": "my-bot:run"}, "bot is 'my-bot:run'; expected module:function"),
        ({"kind": "pipecat", "bot": "a.b:run", "processes": 0}, "processes is 0; expected 1 to 64"),
        ({"kind": "pipecat", "bot": "a.b:run", "calls_per_process": True}, "calls_per_process is True; expected 1 to"),
        ({**CASCADE, "url": "ws://a"}, "url is 'ws://a'; expected one that begins with https:// or http://"),
        ({"kind": "cascade", "url": "http://a"}, "speech_url is ''; expected one that begins with https://"),
        ({**CASCADE, "transcription_url": "c"}, "transcription_url is 'c'; expected one that begins with https://"),
        ({**CASCADE, "audio_input": False}, "audio_input is false and there is no transcription_url"),
        ({**CASCADE, "audio_input": "no"}, "audio_input is 'no'; expected true or false"),
        ({**CASCADE, "tools": 1}, "tools is 1; expected true or false"),
        ({**CASCADE, "speech_voice": 1}, "speech_voice is 1; expected a text"),
        ({**CASCADE, "voices": "af_heart"}, "voices is 'af_heart'; expected a list of names with 1 to 40 characters"),
        ({**CASCADE, "voices": ["x" * 41]}, "expected a list of names"),
        ({**CASCADE, "voices": [""]}, "expected a list of names"),
        ({**CASCADE, "speech_api_key": "sk-1"}, "expected speech_api_key_env or speech_api_key_file"),
        ({**CASCADE, "speech_api_key_env": "NONE"}, "the environment has no NONE"),
    ],
)
def test_what_cannot_be_used_is_said(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as error:
        read_models({"m": table}, {}, "callgate.toml")
    assert words in str(error.value)
    assert str(error.value).startswith("callgate.toml: [models.m]: ")
    assert "sk-1" not in str(error.value)


def test_a_bot_needs_no_url() -> None:
    table = {"kind": "pipecat", "bot": "a.b:C.run", "processes": 2}
    model = read_models({"m": table}, {}, "f")["m"]
    assert model == Model(kind="pipecat", bot="a.b:C.run", processes=2)
    assert (model.path, model.python, model.calls_per_process) == (".", "", 10)


@pytest.mark.parametrize("tables", [5, [], {"voice": 5}])
def test_models_are_tables(tables: Any) -> None:
    with pytest.raises(ModelError, match=r"expected tables, \[models.NAME\]"):
        read_models(tables, {}, "f")


def test_the_default_must_be_one_of_them() -> None:
    with pytest.raises(SettingError, match="model.default is 'voice'; expected one of demo"):
        load(environment={"CALLGATE_MODEL_DEFAULT": "voice"})
