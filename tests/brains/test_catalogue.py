import subprocess
import sys

from callgate.brains.catalogue import factories, speech_level


def test_the_demo_agent_is_there() -> None:
    made = factories({"demoSpeech": False})
    assert set(made) == {"demo"}
    for factory in made.values():
        factory.close()


def test_the_level_of_speech_is_told_without_loading_the_brains() -> None:
    assert speech_level()
    script = "import sys, callgate.brains.catalogue as c; c.speech_level(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
