"""The agent's voice: text in, sound out, by a speech server in whatever way it takes requests."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from callgate.brains.cascade.servers import Cascade, ServerClient, ServerFailed
from callgate.brains.cascade.speech_sound import SPOKEN, SpeechSound
from callgate.core.dialects.speech_requests import speech_body

_PATH: Final = "/audio/speech"
_FORMS: Final = ("pcm", "wav")  # the first needs no header and so begins earlier
_REFUSALS: Final = (400, 404, 415, 422)  # of a request that another one may better
_SOUND_BYTES_MAX: Final = 120_000 * SPOKEN.bytes_per_ms  # of a clause: two minutes, five times what its text takes
_WARM_UP: Final = "Hello."


class Voice:
    """That of one call.

    Args:
        client: of the worker.
        cascade: as configured.
        wanted: by the call; empty: the configured one.
        told: is told of a voice that the server does not take.
    """

    def __init__(self, client: ServerClient, cascade: Cascade, wanted: str, told: Callable[[str], None]) -> None:
        self._client = client
        self._cascade = cascade
        self._told = told
        self._form = _FORMS[0]
        self._name = wanted or cascade.voice

    def change(self, wanted: str) -> None:
        """Speak with another voice from the next clause on."""
        self._name = wanted or self._cascade.voice

    async def prove(self) -> None:
        """Have something spoken that nobody hears, to know that it works and how.

        Raises:
            ServerFailed: it does not.
        """
        proved = False

        def heard(sound: bytes) -> bool:
            nonlocal proved
            proved |= bool(sound)
            return not proved

        await self.speak(_WARM_UP, heard)
        if not proved:
            raise ServerFailed("the speech server sent no sound")

    async def speak(self, text: str, heard: Callable[[bytes], bool]) -> None:
        """Have a text spoken.

        Args:
            text: of one clause.
            heard: is told the sound as it comes, in `SPOKEN`; returns whether more is wanted.

        Raises:
            ServerFailed: it is not, or not to its end.
        """
        form, name = self._form, self._name
        ways = [(form, name), *((other, name) for other in _FORMS if other != form)]
        if name != self._cascade.voice:
            ways += [(other, self._cascade.voice) for other in _FORMS]
        refusal: ServerFailed | None = None
        for form, name in ways:
            try:
                await self._ask(text, form, name, heard)
            except ServerFailed as error:
                if error.status not in _REFUSALS:
                    raise
                refusal = refusal or error
                continue
            self._settle(form, name, refusal)
            return
        assert refusal is not None
        raise refusal

    def _settle(self, form: str, name: str, refusal: ServerFailed | None) -> None:
        """This way works: the next clause goes it at once."""
        if refusal is None:
            return
        if name != self._name:
            self._told(f"the speech server does not take the voice {self._name[:60]!r}: {refusal}")
        self._form, self._name = form, name

    async def _ask(self, text: str, form: str, name: str, heard: Callable[[bytes], bool]) -> None:
        server, patience = self._cascade.speech, self._cascade.patience
        body = speech_body(text, model=server.model, voice=name, form=form)
        sound, received = SpeechSound(), 0
        loop = asyncio.get_running_loop()
        try:
            async with (
                asyncio.timeout(patience.first_sound) as waiting,
                aclosing(self._client.post(server, _PATH, body, "application/json")) as pieces,
            ):
                async for piece in pieces:
                    pcm = sound.feed(piece)
                    if not pcm:
                        continue
                    waiting.reschedule(loop.time() + patience.next_sound)
                    received += len(pcm)
                    if received > _SOUND_BYTES_MAX:
                        raise ServerFailed("the speech server sent more sound than a clause can have")
                    if not heard(pcm):
                        return
        except TimeoutError:
            waited = patience.next_sound if received else patience.first_sound
            raise ServerFailed(f"the speech server sent nothing for {waited:g} s") from None
        except ValueError as error:
            raise ServerFailed(str(error)) from None
