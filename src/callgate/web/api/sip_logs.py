"""`/api/calls/{call_id}/sip_logs`: a redirection to a link that expires, and what it leads to."""

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from callgate.web.request import Asker, Verbs

router = APIRouter(prefix="/api/calls/{call_id}/sip_logs", tags=["calls"])


@router.get(
    "",
    status_code=302,
    response_class=Response,
    responses={404: {"description": "It has none."}, 425: {"description": "The call goes on."}},
)
async def get_sip_logs(call_id: str, asker: Asker, verbs: Verbs, request: Request) -> Response:
    """Where the SIP messages of a call are, for some minutes and without a key; 425 while the call goes on."""
    token = await verbs.sip_logs.link(asker, call_id)
    url = request.url.replace(path=f"{request.url.path}/{token}", query="")
    return RedirectResponse(url, 302, {"Cache-Control": "no-store"})


@router.get("/{token}", include_in_schema=False)
async def follow_sip_logs(call_id: str, token: str, verbs: Verbs) -> Response:
    """The messages as text, credentials and keys cut. Whoever has the link may read it."""
    text = await verbs.sip_logs.follow(call_id, token)
    headers = {"Content-Disposition": 'attachment; filename="sip_logs.txt"', "Cache-Control": "no-store"}
    return Response(text, media_type="text/plain; charset=utf-8", headers=headers)
