"""`/api/voices`: what a call's or an agent's `voice` may name."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from callgate.operations.voices import BILLING, OWNERSHIPS, VoiceQuery
from callgate.web.documented import asked
from callgate.web.request import Asker, Page, Verbs

router = APIRouter(prefix="/api/voices", tags=["voices"])

_Text = str | None


@router.get("")
async def list_voices(
    request: Request,
    asker: Asker,
    verbs: Verbs,
    paging: Page,
    search: _Text = None,
    ownership: Annotated[_Text, asked(enum=list(OWNERSHIPS))] = None,
    primary_language: Annotated[_Text, Query(alias="primaryLanguage")] = None,
    billing_style: Annotated[_Text, Query(alias="billingStyle"), asked(enum=list(BILLING))] = None,
    provider: Annotated[tuple[str, ...], Query()] = (),
) -> dict[str, Any]:
    """The voices of the configured models, by name; the same for every account."""
    query = VoiceQuery(search, ownership, primary_language, billing_style, provider)
    return paging.answer(verbs.voices.find(query, _previews(request), paging.wanted))


@router.get("/{voice_id}")
async def get_voice(voice_id: str, request: Request, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One voice."""
    return verbs.voices.get(voice_id, _previews(request))


def _previews(request: Request) -> Callable[[str], str]:
    base = str(request.base_url)
    return lambda voice_id: f"{base}api/voices/{voice_id}/preview"
