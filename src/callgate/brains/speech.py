"""The speech engines that the demo agents of one worker share; each may be missing."""

from collections.abc import Callable
from importlib.util import find_spec

from callgate.brains.companion import Companion


def speech_level() -> str:
    """What the demo agent can do here, in words, for the start-up text."""
    speaks = find_spec("espeakng_loader") is not None
    understands = find_spec("pocketsphinx") is not None
    if speaks and understands:
        return "speaks free text and understands a dozen phrases"
    if speaks:
        return "speaks free text; understands digits only (for phrases: pip install 'callgate[demo]')"
    if understands:
        return "stock prompts, and a dozen phrases understood (for free text: pip install 'callgate[demo]')"
    return "stock prompts and digits (for free text and phrases: pip install 'callgate[demo]')"


class Speech:
    """Speaks free text and understands phrases, where the extra is installed.

    Args:
        speaks: whether to use the one.
        understands: whether to use the other.
    """

    def __init__(self, *, speaks: bool = True, understands: bool = True) -> None:
        self._speaker = Companion("callgate.brains.synthesis") if speaks and _has("espeakng_loader") else None
        self._listener = Companion("callgate.brains.recognition") if understands and _has("pocketsphinx") else None

    @property
    def speaks(self) -> bool:
        """Whether there is an engine for free text; it may still be starting."""
        return self._speaker is not None

    def warm(self) -> None:
        """See that the engines run, or soon will. Returns at once."""
        if self._speaker is not None:
            self._speaker.warm()
        if self._listener is not None:
            self._listener.warm()

    def ready(self) -> bool:
        """Whether every engine there is has started."""
        return all(companion is None or companion.ready for companion in (self._speaker, self._listener))

    def speaker_process_id(self) -> int | None:
        """Of the process that speaks now."""
        return self._speaker.process_id if self._speaker is not None else None

    def ready_to_speak(self) -> bool:
        """Whether a text would be spoken at once."""
        return self._speaker is not None and self._speaker.ready

    def speak(self, text: str, language: str, spoken: Callable[[bytes | None], None]) -> bool:
        """Have `spoken` called with the sound of `text`, int16 at 8,000 Hz; whether that could be asked for."""
        return self._speaker is not None and self._speaker.ask(f"{language}\n{text}".encode("utf-8", "replace"), spoken)

    def understand(self, utterance: bytes, understood: Callable[[str], None]) -> bool:
        """Have `understood` called with the phrase of an utterance, or with nothing; whether that could be asked."""
        if self._listener is None:
            return False
        return self._listener.ask(utterance, lambda answer: understood((answer or b"").decode()))

    async def gone(self) -> None:
        """Wait until no process runs."""
        for companion in (self._speaker, self._listener):
            if companion is not None:
                await companion.gone.wait()

    def close(self) -> None:
        """End the processes."""
        for companion in (self._speaker, self._listener):
            if companion is not None:
                companion.close()


def _has(module: str) -> bool:
    return find_spec(module) is not None
