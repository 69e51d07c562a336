"""One question to one fallback handler over HTTP: a signed POST, repeated while no byte of an answer has come."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from types import MappingProxyType
from typing import Final

import aiohttp

from callgate.core.webhook.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign
from callgate.entities.json import JsonObject
from callgate.ports import Clock, Question
from callgate.runtime.http import forbidden_cause
from callgate.webhooks.handler_answer import WORDS_CHARACTERS_MAX, Failure

DECISION_HEADER: Final = "X-Callgate-Decision-Id"
REQUEST_URI_HEADER: Final = "X-Callgate-Request-Uri"

NO_MARKS: Final[Mapping[str, str]] = MappingProxyType({})
"""No further headers."""

_OVERLOADED: Final = 429

# A page that says what is wrong is a few kB, and there at once.
_ERROR_BYTES_MAX: Final = 65_536
_ERROR_S_MAX: Final = 1.0


class _NotReached(Failure):
    """No byte of an answer came, and the connection is gone; may be tried again."""


@dataclass(slots=True)
class Seen:
    """What went to and fro last, for people to look at.

    Attributes:
        request_headers: ours, as sent.
        request_body: as sent.
        status: of the answer; ``None``: none came.
        headers: of the answer, as they came.
        body: what of the answer's body was read.
        curious: whether the body of an error is wanted too, and worth a wait.
    """

    request_headers: Mapping[str, str] = field(default_factory=dict)
    request_body: bytes = b""
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    curious: bool = False


class Exchange:
    """Asks.

    Args:
        session: from `runtime.http.http_session`, so that addresses are guarded and nothing is followed.
        clock: for the timestamp that is signed.
        answer_bytes_max: longest answer that is read.
        retry_pauses_s: before each repeat; as many as there are repeats.
    """

    def __init__(
        self, session: aiohttp.ClientSession, clock: Clock, answer_bytes_max: int, retry_pauses_s: tuple[float, ...]
    ) -> None:
        self._session = session
        self._clock = clock
        self._answer_bytes_max = answer_bytes_max
        self._retry_pauses_s = retry_pauses_s

    async def ask(
        self, question: Question, url: str, facts: JsonObject, seen: Seen, marks: Mapping[str, str] = NO_MARKS
    ) -> bytes:
        """The body of a 200.

        Args:
            question: what to ask.
            url: whom.
            facts: is told ``tries`` and ``status`` as they become known.
            seen: is told everything.
            marks: further headers.

        Raises:
            Failure: there is none.
        """
        body = json.dumps(question.body, ensure_ascii=False).encode("utf-8", "replace")
        for tries, pause_s in enumerate((*self._retry_pauses_s, None), start=1):
            facts["tries"] = tries
            try:
                return await self._once(question, url, body, facts, seen, marks)
            except _NotReached:
                if pause_s is None:
                    raise
            await asyncio.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    async def _once(
        self, question: Question, url: str, body: bytes, facts: JsonObject, seen: Seen, marks: Mapping[str, str]
    ) -> bytes:
        timestamp = self._clock.now().astimezone(UTC).isoformat()
        headers = {
            "Content-Type": "application/json",
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(body, timestamp, question.handler.secrets),
            DECISION_HEADER: question.decision_id,
            REQUEST_URI_HEADER: _header_value(question.request_uri),
            **marks,
        }
        seen.request_headers, seen.request_body = headers, body
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                facts["status"] = seen.status = response.status
                seen.headers = tuple(response.headers.items())
                if response.status != 200:
                    await self._look(response, seen)
                    alive = response.status < 500 and response.status != _OVERLOADED
                    raise Failure(f"the fallback handler answered {response.status}, expected 200", alive=alive)
                seen.body = await self._bounded(response)
                return seen.body
        except (ssl.SSLError, aiohttp.ClientSSLError) as error:  # some are a ValueError and an OSError too
            raise Failure(f"no trusted connection to the fallback handler: {_named(error)}") from None
        except (aiohttp.InvalidURL, ValueError) as error:
            raise Failure(f"the fallback handler's url cannot be used: {type(error).__name__}") from None
        except aiohttp.ClientPayloadError:  # `AnswerBroken` among them
            raise Failure("the fallback handler's answer broke off") from None
        except aiohttp.ClientConnectorDNSError as error:
            forbidden = forbidden_cause(error)
            if forbidden is not None:
                raise Failure(f"the fallback handler's host is forbidden: {forbidden}") from None
            raise _NotReached(f"the name of the fallback handler's host is not known: {_named(error)}") from None
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            forbidden = forbidden_cause(error)
            if forbidden is not None:
                raise Failure(f"the fallback handler's host is forbidden: {forbidden}") from None
            if "status" in facts:
                raise Failure("the fallback handler's answer broke off") from None
            raise _NotReached(f"no connection to the fallback handler: {_named(error)}") from None
        except aiohttp.ClientError as error:
            raise Failure(f"the fallback handler's answer is no HTTP: {type(error).__name__}") from None

    @staticmethod
    async def _look(response: aiohttp.ClientResponse, seen: Seen) -> None:
        """Read the beginning of what comes with an error, where somebody wants to see it."""
        if not seen.curious:
            return
        with contextlib.suppress(aiohttp.ClientError, OSError):  # a timeout is an OSError
            async with asyncio.timeout(_ERROR_S_MAX):
                while len(seen.body) < _ERROR_BYTES_MAX and (chunk := await response.content.readany()):
                    seen.body += chunk

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._answer_bytes_max
        announced = response.content_length
        read = bytearray()
        if announced is None or announced <= limit:
            async for chunk in response.content.iter_any():
                read += chunk
                if len(read) > limit:
                    break
            else:
                return bytes(read)
        response.close()
        raise Failure(f"the fallback handler's answer is longer than {limit} bytes")


def _header_value(text: str) -> str:
    """A URI as a header may carry it: what is not printable ASCII percent-encoded."""
    return "".join(c if " " < c <= "~" else "".join(f"%{b:02X}" for b in c.encode("utf-8", "replace")) for c in text)


def _named(error: BaseException) -> str:
    """An error in words without addresses or paths of ours."""
    inner = getattr(error, "os_error", None) or error
    words = getattr(inner, "strerror", None) or type(inner).__name__
    return str(words)[:WORDS_CHARACTERS_MAX]
