"""`/api/sip`: the rules, and their history."""

from typing import Any

from fastapi import APIRouter, Request, Response

from callgate.operations.caller import Caller
from callgate.operations.operations import Operations
from callgate.operations.sip_config import Tagged
from callgate.schema.sip_config import SipConfigPatch
from callgate.web.documented import body_of
from callgate.web.request import LINT_HEADER, Asker, JsonBody, Page, Verbs, entity_tags

router = APIRouter(prefix="/api/sip", tags=["sip"])


@router.get("")
async def get_sip_config(asker: Asker, verbs: Verbs, response: Response) -> dict[str, Any]:
    """The rules in force."""
    return tagged(verbs.sip_config.get(asker), response)


@router.patch("", openapi_extra=body_of(SipConfigPatch, required=False))
async def patch_sip_config(
    asker: Asker, body: JsonBody, verbs: Verbs, request: Request, response: Response
) -> dict[str, Any]:
    """Change the rules that the body names; in force for the next call when this answers."""
    changed = await verbs.sip_config.patch(asker, body, entity_tags(request))
    await add_lint(asker, verbs, response)
    return tagged(changed, response)


@router.get("/lint")
async def lint_sip_config(asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """What is odd about the rules in force, each with an example. Never a reason to refuse them."""
    return await verbs.sip_config.lint(asker)


@router.get("/versions")
async def list_sip_config_versions(asker: Asker, verbs: Verbs, paging: Page) -> dict[str, Any]:
    """The history of the rules, newest first."""
    return paging.answer(await verbs.sip_config.versions(asker, paging.wanted))


@router.get("/versions/{number}")
async def get_sip_config_version(number: str, asker: Asker, verbs: Verbs) -> dict[str, Any]:
    """One step of the history, with the rules from then on."""
    return await verbs.sip_config.version(asker, number)


@router.post("/versions/{number}/restore")
async def restore_sip_config_version(
    number: str, asker: Asker, verbs: Verbs, request: Request, response: Response
) -> dict[str, Any]:
    """Put the rules of a former version in force."""
    restored = await verbs.sip_config.restore(asker, number, entity_tags(request))
    await add_lint(asker, verbs, response)
    return tagged(restored, response)


async def add_lint(asker: Caller, verbs: Operations, response: Response) -> None:
    """Say in a header what is odd about the rules that have just been put in force."""
    found = await verbs.sip_config.lint_header(asker)
    if found:
        response.headers[LINT_HEADER] = found


def tagged(config: Tagged, response: Response) -> dict[str, Any]:
    """The rules as the answer, with their entity tag."""
    response.headers["ETag"] = config.etag
    return config.body
