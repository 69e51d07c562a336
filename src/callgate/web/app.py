"""The HTTP application: every noun's routes, and one shape for every refusal."""

import asyncio
import json
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final

import yaml
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

import callgate
from callgate.entities.page import MarkUnfit
from callgate.operations.errors import Full, Refused
from callgate.operations.operations import Operations
from callgate.schema.agent import AgentBody
from callgate.schema.api_key import ApiKeyBody, ApiKeyPatch
from callgate.schema.data_message import ForcedAgentMessage, HangUpMessage, UserTextMessage
from callgate.schema.errors import Invalid
from callgate.schema.evaluate import EvaluateBody
from callgate.schema.fallback import FallbackPatch, FallbackTest
from callgate.schema.page import unfit_cursor
from callgate.schema.replay import ReplayBody
from callgate.schema.shadow import ShadowBody
from callgate.schema.sip_config import SipConfigPatch
from callgate.schema.start_call import StartAgentCallBody, StartCallBody
from callgate.schema.throttle import CallThrottleBody, CallThrottlePatch
from callgate.schema.tool import ToolBody, ToolTest
from callgate.schema.webhook import WebhookBody, WebhookPatch
from callgate.store.errors import StoreUnavailable
from callgate.web.api import (
    accounts,
    agents,
    api_keys,
    call_throttles,
    calls,
    decisions,
    deleted_calls,
    fallback,
    models,
    not_offered,
    rehearsal,
    sip,
    sip_logs,
    stages,
    stream_calls,
    tools,
    voices,
    webhooks,
)
from callgate.web.documented import asked, schemas_of, tell_refusals
from callgate.web.masking import Masking
from callgate.web.request import LINT_HEADER, UNSAFE_KEY_HEADER

BODY_BYTES_MAX: Final = 1_048_576  # a configuration at all its limits stays under 300 kB
_SCHEMA_FORMATS: Final = {"yaml": "application/vnd.oai.openapi", "json": "application/vnd.oai.openapi+json"}
# Longer names first: each is looked for in the header Accept.
_SCHEMA_KINDS: Final = (_SCHEMA_FORMATS["json"], _SCHEMA_FORMATS["yaml"], "application/yaml", "application/json")
_RETRY_AFTER_S: Final = "1"  # a database that is locked for a moment is back within it

_WORDS: Final = {404: "no such page", 405: "the method is not allowed here"}


def create_app(
    operations: Operations, *, ready: Callable[[], bool] = lambda: True, body_bytes_max: int = BODY_BYTES_MAX
) -> FastAPI:
    """The application.

    Args:
        operations: what it offers.
        ready: whether new calls are taken; false while draining.
        body_bytes_max: longest body that is read.
    """
    app = FastAPI(
        title="Callgate",
        version=getattr(callgate, "__version__", "0"),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.operations = operations
    app.state.body_bytes_max = body_bytes_max
    app.add_middleware(Masking)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[UNSAFE_KEY_HEADER, "Content-Type", "If-Match"],
        expose_headers=["ETag", LINT_HEADER, "Retry-After"],
    )
    # Routes are tried one after the other, and clients ask for rules most often.
    for noun in (
        sip,
        fallback,
        decisions,
        rehearsal,
        not_offered,  # before `agents`, so that `usage` is not taken for the id of one
        accounts,
        api_keys,
        agents,
        tools,
        webhooks,
        calls,
        call_throttles,
        deleted_calls,
        sip_logs,
        stages,
        models,
        voices,
        stream_calls,
    ):
        app.include_router(noun.router)
    _add_node_routes(app, ready)
    _add_refusals(app)
    return app


def _add_node_routes(app: FastAPI, ready: Callable[[], bool]) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> JSONResponse:
        return JSONResponse({"status": "ready"}) if ready() else JSONResponse({"status": "draining"}, 503)

    @cache  # half a second of work, as YAML
    def written(as_json: bool) -> str:
        document = document_of(app)
        return json.dumps(document) if as_json else yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

    @app.get(
        "/api/schema/",
        response_class=Response,
        responses={200: {"content": {kind: {"schema": {"type": "object"}} for kind in _SCHEMA_KINDS}}},
        tags=["schema"],
    )
    async def schema(
        request: Request, format: Annotated[str | None, asked(enum=list(_SCHEMA_FORMATS))] = None
    ) -> Response:
        """This document, as YAML unless the query or the header Accept says JSON."""
        accepted = request.headers.get("accept", "")
        if format is not None and format not in _SCHEMA_FORMATS:
            raise HTTPException(404, "the format must be json or yaml")
        named = next((kind for kind in _SCHEMA_KINDS if kind in accepted and (format or "") in kind), None)
        kind = named or _SCHEMA_FORMATS[format or ("json" if "json" in accepted else "yaml")]
        return Response(await asyncio.to_thread(written, "json" in kind), media_type=kind)


def document_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    document = app.openapi()
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    rules = (SipConfigPatch, FallbackPatch, FallbackTest, EvaluateBody, ReplayBody, ShadowBody)
    throttles = (CallThrottleBody, CallThrottlePatch)
    tools_, started = (ToolBody, ToolTest), (StartCallBody, StartAgentCallBody)
    messages = (HangUpMessage, UserTextMessage, ForcedAgentMessage)
    kept = (AgentBody, ApiKeyBody, ApiKeyPatch, WebhookBody, WebhookPatch)
    schemas.update(schemas_of(*kept, *rules, *tools_, *started, *messages, *throttles))
    tell_refusals(document)
    return document


def _add_refusals(app: FastAPI) -> None:
    @app.exception_handler(Invalid)
    async def invalid(request: Request, error: Invalid) -> JSONResponse:
        return JSONResponse(error.errors, 400)

    @app.exception_handler(MarkUnfit)
    async def unfit(request: Request, error: MarkUnfit) -> JSONResponse:
        return JSONResponse(unfit_cursor().errors, 400)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Full) else None
        return JSONResponse({"detail": str(error)}, error.status, headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        standard = error.detail[:1].isupper()
        words = _WORDS.get(error.status_code, error.detail.lower()) if standard else error.detail
        headers = dict(error.headers or {})
        return JSONResponse({"detail": words}, error.status_code, headers)

    @app.exception_handler(RequestValidationError)
    async def query(request: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse({str(one["loc"][-1]): [one["msg"].lower()] for one in error.errors()}, 400)

    @app.exception_handler(StoreUnavailable)
    async def unavailable(request: Request, error: StoreUnavailable) -> JSONResponse:
        words = {"detail": "the database cannot be used at the moment; nothing was changed"}
        return JSONResponse(words, 503, {"Retry-After": _RETRY_AFTER_S})

    @app.exception_handler(Exception)
    async def failure(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "a failure of the server; its log says more"}, 500)
