"""The brains that a media worker can make, by kind."""

from collections.abc import Mapping

from callgate.brains.speech import speech_level as speech_level
from callgate.entities.json import JsonObject
from callgate.ports import BrainFactory


def factories(settings: JsonObject) -> Mapping[str, BrainFactory]:
    """One factory for each kind; called once in each worker.

    Args:
        settings: ``demoSpeech`` false: the demo agent uses no speech engine even where one is installed.
    """
    # Here, so that the control process can ask for `speech_level` without loading the brains.
    from callgate.brains.demo import DemoFactory

    return {"demo": DemoFactory(speech=settings.get("demoSpeech") is not False)}
