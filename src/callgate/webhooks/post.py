"""One try to tell an endpoint of an event: a signed POST, and in words why it was not taken."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import aiohttp
import msgspec

from callgate.core.webhook.retry import is_taken
from callgate.core.webhook.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from callgate.entities.call import OutboxEvent
from callgate.runtime.http import forbidden_cause

EVENT_HEADER: Final = "X-Callgate-Event-Id"

# What an endpoint says besides its status is read only so that the connection can be used again, and only so far.
_ANSWER_BYTES_MAX: Final = 65_536
_ANSWER_S_MAX: Final = 1.0


def body_of(event: OutboxEvent) -> bytes:
    """The body of the request: the same for every try."""
    return msgspec.json.encode({"event": event.event, "call": event.payload})


async def post(
    session: aiohttp.ClientSession,
    event: OutboxEvent,
    url: str,
    secrets: Sequence[str],
    *,
    now: datetime,
    timeout_s: float,
) -> str:
    """Tell an endpoint of an event, once.

    Args:
        session: from `runtime.http.http_session`, so that addresses are guarded.
        event: what it is told.
        url: the endpoint's.
        secrets: each signs; without any the request has no signature.
        now: signed, UTC.
        timeout_s: for name, connection and the head of the answer.

    Returns:
        Empty when it was taken, else why not, in words for the owner, without the URL.
    """
    body, timestamp = body_of(event), now.isoformat()
    headers = {"Content-Type": "application/json", TIMESTAMP_HEADER: timestamp, EVENT_HEADER: event.event_id}
    if secrets:
        headers[SIGNATURE_HEADER] = sign(body, timestamp, secrets)
    try:
        async with asyncio.timeout(timeout_s):
            response = await session.post(url, data=body, headers=headers, allow_redirects=False)
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _words_of(error)
    async with response:
        with contextlib.suppress(aiohttp.ClientError, OSError, EOFError):  # a timeout is an OSError
            async with asyncio.timeout(_ANSWER_S_MAX):
                await response.content.readexactly(_ANSWER_BYTES_MAX)
    return "" if is_taken(response.status) else f"answered {response.status}"


def _words_of(error: Exception) -> str:
    forbidden = forbidden_cause(error)
    if forbidden is not None:
        return forbidden
    if isinstance(error, (ssl.SSLError, aiohttp.ClientSSLError)):
        return f"no trusted connection: {_named(error)}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name of the host is not known: {_named(error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    if isinstance(error, (aiohttp.ClientConnectionError, OSError)):
        return f"no connection: {_named(error)}"
    if isinstance(error, (aiohttp.InvalidURL, UnicodeError)):
        return "the url cannot be used"
    return "the answer broke off, or is no HTTP"


def _named(error: Exception) -> str:
    """An error in words without addresses or paths of ours."""
    inner = getattr(error, "os_error", None) or error
    number = getattr(inner, "errno", None)
    if number is not None and number > 0:
        return os.strerror(number).lower()
    return str(getattr(inner, "strerror", None) or type(inner).__name__)
