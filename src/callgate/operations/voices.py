"""Voices: those that the configured models have, for everybody alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import Key, PageFound, PageWanted, page_of
from callgate.entities.voice import Voice
from callgate.operations.errors import NotFound
from callgate.schema.errors import Invalid, shown
from callgate.schema.offered_voice import render_voice

OWNERSHIPS: Final = ("private", "public")
BILLING: Final = ("VOICE_BILLING_STYLE_INCLUDED", "VOICE_BILLING_STYLE_EXTERNAL")


@dataclass(frozen=True, slots=True)
class VoiceQuery:
    """A list's filters as they came, text; ``None`` or empty: does not matter."""

    search: str | None = None
    ownership: str | None = None
    primary_language: str | None = None
    billing_style: str | None = None
    providers: tuple[str, ...] = ()


class VoiceOperations:
    """What may be asked about voices.

    Args:
        voices: in the order in which they are listed.
    """

    def __init__(self, voices: Sequence[Voice]) -> None:
        self._voices = tuple(voices)

    def find(self, query: VoiceQuery, preview_url: Callable[[str], str], page: PageWanted) -> PageFound[Json]:
        """A page of the voices.

        Args:
            query: which. Of a language those of the very tag come first, then those of another region.
            preview_url: where a sample of a voice would be, by its id.
            page: which.

        Raises:
            MarkUnfit: the mark is of another list.
            Invalid: no such ownership, no such billing style; both are told.
        """
        errors: JsonObject = {}
        if query.ownership is not None and query.ownership not in OWNERSHIPS:
            errors["ownership"] = [f"expected {' or '.join(OWNERSHIPS)}: {shown(query.ownership)}"]
        if query.billing_style is not None and query.billing_style not in BILLING:
            errors["billingStyle"] = [f"expected {' or '.join(BILLING)}: {shown(query.billing_style)}"]
        if errors:
            raise Invalid(errors)
        found = [voice for voice in self._voices if _wanted(voice, query)]
        wanted = (query.primary_language or "").lower()
        places = {voice.voice_id: place for place, voice in enumerate(self._voices)}

        def key_of(voice: Voice) -> Key:
            return int((voice.language or "").lower() != wanted), places[voice.voice_id]

        return page_of(found, key_of, page).each(lambda voice: render_voice(voice, preview_url(voice.voice_id)))

    def get(self, voice_id: str, preview_url: Callable[[str], str]) -> JsonObject:
        """One voice.

        Raises:
            NotFound: there is none.
        """
        return render_voice(self._voice(voice_id), preview_url(voice_id.lower()))

    def _voice(self, voice_id: str) -> Voice:
        for voice in self._voices:
            if voice.voice_id == voice_id.lower():
                return voice
        raise NotFound(f"no such voice: {voice_id[:60]}")


def _wanted(voice: Voice, query: VoiceQuery) -> bool:
    search, language = (query.search or "").casefold(), (query.primary_language or "").lower()
    return (
        query.ownership in (None, "public")
        and query.billing_style in (None, BILLING[voice.billed])
        and (not query.providers or voice.provider in query.providers)
        and (not search or any(search in text.casefold() for text in (voice.name, *voice.models)))
        and (not language or (voice.language or "").lower().partition("-")[0] == language.partition("-")[0])
    )
