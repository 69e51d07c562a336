"""`/2010-04-01/Accounts/{account}/Calls/{call}.json`: for bots that know calls by Twilio's interface.

Whose call it may be is said by the key, so that a bot may keep the account that it was configured with.
"""

import base64
import binascii
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from callgate.operations.caller import Caller
from callgate.operations.errors import Refused
from callgate.operations.stream_calls import StreamCallRefused
from callgate.web.request import Verbs, operations_of

router = APIRouter(prefix="/2010-04-01/Accounts", include_in_schema=False)

BODY_BYTES_MAX: Final = 64 * 1024
_FIELDS_MAX: Final = 50


@router.get("/{account}/Calls/{sid}.json")
async def get_stream_call(request: Request, account: str, sid: str, verbs: Verbs) -> JSONResponse:
    """The call."""
    try:
        return JSONResponse(await verbs.stream_calls.get(_asker(request), sid))
    except StreamCallRefused as refusal:
        return _refused(refusal)


@router.post("/{account}/Calls/{sid}.json")
async def update_stream_call(request: Request, account: str, sid: str, verbs: Verbs) -> JSONResponse:
    """End the call, or do what a document says."""
    try:
        asker = _asker(request)
        return JSONResponse(await verbs.stream_calls.update(asker, sid, await _form(request)))
    except StreamCallRefused as refusal:
        return _refused(refusal)


def _asker(request: Request) -> Caller:
    """Any user, and an API key as the password. RFC 7617 section 2 (The 'Basic' Authentication Scheme)."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    key = ""
    if scheme.lower() == "basic":
        with suppress(binascii.Error, ValueError):
            _, _, key = base64.b64decode(credentials, validate=True).decode().partition(":")
    if not key:
        raise StreamCallRefused(401, 20003, "expected Basic authentication with an API key as the password")
    try:
        return operations_of(request).caller(key, changes=request.method != "GET")
    except Refused as refusal:
        code = 20429 if refusal.status == 429 else 20003
        raise StreamCallRefused(refusal.status, code, str(refusal)) from None


async def _form(request: Request) -> dict[str, str]:
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > BODY_BYTES_MAX:
            raise StreamCallRefused(413, 20001, f"the body is longer than {BODY_BYTES_MAX} bytes")
    try:
        return dict(parse_qsl(read.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError as error:
        raise StreamCallRefused(400, 20001, f"the body is no form: {error}") from None


def _refused(refusal: StreamCallRefused) -> JSONResponse:
    body: dict[str, Any] = {"code": refusal.code, "message": str(refusal), "status": refusal.status}
    headers = {"WWW-Authenticate": 'Basic realm="callgate"'} if refusal.status == 401 else None
    return JSONResponse(body, refusal.status, headers)
