import subprocess
import sys
from dataclasses import asdict
from typing import Any

from callgate.brains.attended import AttendedBrain, AttendingFactory
from callgate.brains.cascade.brain import CascadeFactory
from callgate.brains.cascade.servers import Cascade, Server
from callgate.brains.catalogue import factories, speech_level
from callgate.brains.succession import SuccessionFactory
from callgate.config.models import read_models
from callgate.entities.json import JsonObject
from tests.brains.modelled_call import ModelledCall


def test_the_demo_agent_is_there() -> None:
    made = factories({"demoSpeech": False})
    assert set(made) == {"demo"}
    for factory in made.values():
        factory.close()


def test_every_brain_may_be_attended() -> None:
    model = {"kind": "websocket", "url": "ws://127.0.0.1:1", "sound": "pcm16/16000", "api_key": ""}
    alone: JsonObject = {**model, "then": [], "silent_s_max": 0}
    doubled: JsonObject = {**model, "then": ["alone"], "silent_s_max": 0}
    made = factories({"demoSpeech": False, "models": {"alone": alone, "doubled": doubled}})
    assert set(made) == {"demo", "alone", "doubled"}
    for name, factory in made.items():
        one = ModelledCall(factory, {"dataConnection": {"websocketUrl": "ws://127.0.0.1:1"}}).brain
        assert isinstance(one, AttendedBrain), name
        factory.close()


def test_a_cascade_is_made_of_its_servers() -> None:
    table = {
        "kind": "cascade",
        "url": "http://a/v1",
        "speech_url": "http://b/v1",
        "speech_voice": "nova",
        "transcription_url": "http://c/v1",
        "transcription_model": "whisper",
        "audio_input": False,
    }
    models: Any = {name: asdict(model) for name, model in read_models({"own": table}, {}, "f").items()}
    made = factories({"demoSpeech": False, "models": models})
    factory = made["own"]
    assert {str(form) for form in factory.formats} >= {"pcm16/16000", "pcm16/24000"}
    assert isinstance(factory, AttendingFactory)
    succession = factory._factory
    assert isinstance(succession, SuccessionFactory)
    ((_, alone),) = succession._candidates
    assert isinstance(alone, CascadeFactory)
    assert alone.cascade == Cascade(
        chat=Server("chat", "http://a/v1"),
        speech=Server("speech", "http://b/v1"),
        voice="nova",
        transcription=Server("transcription", "http://c/v1", "whisper"),
        audio_input=False,
    )


def test_the_level_of_speech_is_told_without_loading_the_brains() -> None:
    assert speech_level()
    script = "import sys, callgate.brains.catalogue as c; c.speech_level(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
