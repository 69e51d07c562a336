"""`/api/models`: what a call's or an agent's `model` may name."""

from typing import Any

from fastapi import APIRouter

from callgate.entities.page import page_of
from callgate.web.request import Asker, Page, Verbs

router = APIRouter(prefix="/api/models", tags=["models"])


@router.get("")
async def list_models(asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The models that are configured, by name."""
    return paging.answer(page_of(verbs.models, lambda name: (name,), paging.wanted).each(lambda name: {"name": name}))
