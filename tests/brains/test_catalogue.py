import subprocess
import sys

from callgate.brains.attended import AttendedBrain
from callgate.brains.catalogue import factories, speech_level
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


def test_the_level_of_speech_is_told_without_loading_the_brains() -> None:
    assert speech_level()
    script = "import sys, callgate.brains.catalogue as c; c.speech_level(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
