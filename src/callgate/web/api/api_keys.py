"""`/api/api_keys`."""

from typing import Any

from fastapi import APIRouter

from callgate.schema.api_key import ApiKeyBody, ApiKeyPatch
from callgate.web.documented import body_of
from callgate.web.request import Asker, JsonBody, Page, Verbs

router = APIRouter(prefix="/api/api_keys", tags=["api_keys"])


@router.get("")
async def list_api_keys(asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The keys, newest first."""
    return paging.answer(verbs.api_keys.find(asker, paging.wanted))


@router.post("", status_code=201, openapi_extra=body_of(ApiKeyBody))
async def create_api_key(asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Make a key; its `secret`, the key itself, is told this once."""
    return await verbs.api_keys.create(asker, body)


@router.get("/{api_key_prefix}")
async def get_api_key(api_key_prefix: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One key."""
    return verbs.api_keys.get(asker, api_key_prefix)


@router.put("/{api_key_prefix}", openapi_extra=body_of(ApiKeyPatch, required=False))
@router.patch("/{api_key_prefix}", openapi_extra=body_of(ApiKeyPatch, required=False))
async def update_api_key(api_key_prefix: str, asker: Asker, body: JsonBody, verbs: Verbs) -> dict[str, Any]:
    """Revoke a key; this cannot be undone."""
    return await verbs.api_keys.update(asker, api_key_prefix, body)


@router.delete("/{api_key_prefix}", status_code=204)
async def delete_api_key(api_key_prefix: str, asker: Asker, verbs: Verbs) -> None:
    """Delete a key."""
    await verbs.api_keys.delete(asker, api_key_prefix)
