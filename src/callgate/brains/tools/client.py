"""The HTTP client of tools, one for a worker: addresses guarded, answers bounded, nothing followed."""

import asyncio
from typing import Final

import aiohttp

from callgate.brains.tools.request import ToolRequest
from callgate.ports.brain import ToolAnswer, ToolFailed
from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import forbidden_cause, http_session

# Of an answer: what a model still reads with profit in the middle of a call.
ANSWER_BYTES_MAX: Final = 64 * 1024


class ToolClient:
    """Asks tools.

    Args:
        guard: which addresses may be reached.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, request: ToolRequest, timeout_s: float) -> ToolAnswer:
        """Ask once: what a tool does may not be repeated.

        Raises:
            ToolFailed: no answer in time, one that is too long, or a status other than 2xx.
        """
        if self._session is None:
            self._session = http_session(self._guard)
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    data=request.body or None,
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.content.read(ANSWER_BYTES_MAX + 1)
                while len(body) <= ANSWER_BYTES_MAX and (more := await response.content.read(ANSWER_BYTES_MAX)):
                    body += more
        except TimeoutError:
            raise ToolFailed(f"no answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ToolFailed(forbidden_cause(error) or f"it could not be reached: {error}") from error
        if len(body) > ANSWER_BYTES_MAX:
            raise ToolFailed(f"its answer is longer than {ANSWER_BYTES_MAX} bytes")
        text = body.decode("utf-8", "replace")
        if not 200 <= response.status < 300:
            raise ToolFailed(f"it answered {response.status}: {text[:500]}")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return ToolAnswer(text, {name: value for name, value in headers.items() if name.startswith("x-ultravox-")})

    async def close(self) -> None:
        """Let go of its connections. A worker's own lives as long as its process."""
        if self._session is not None:
            await self._session.close()
