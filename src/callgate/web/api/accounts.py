"""`/api/accounts`."""

from typing import Any

from fastapi import APIRouter

from callgate.web.request import Asker, Verbs

router = APIRouter(prefix="/api/accounts", tags=["accounts"])


@router.get("")
async def list_accounts(asker: Asker, verbs: Verbs) -> list[dict[str, Any]]:
    """The one account that a key speaks for."""
    return [verbs.accounts.me(asker)]


@router.get("/me")
async def get_account(asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """The account that the key speaks for."""
    return verbs.accounts.me(asker)
