"""What a key that only reads does not see.

On the way out, whatever the route: a noun that is added later shows no secret either.
"""

from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callgate.entities.json import Json

MASK: Final = "********"

_SECRET_NAMES: Final = frozenset(("secret", "secrets", "sharedSecrets", "authTokens", "password", "accessToken"))


def masked(value: Json) -> Json:
    """`value` with every secret in it replaced, its shape kept."""
    if isinstance(value, dict):
        return {name: _hidden(item) if name in _SECRET_NAMES else masked(item) for name, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def _hidden(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _hidden(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item) for item in value]
    return None if value is None else MASK


def hide_secrets(scope: Scope) -> None:
    """Have the secrets in the answer to a request hidden."""
    scope["callgate.hide_secrets"] = True


class Masking:
    """ASGI middleware that does it, for JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back."""
        held: list[Message] = []

        async def out(message: Message) -> None:
            if message["type"] == "http.response.start" and scope.get("callgate.hide_secrets") and _is_json(message):
                held.append(message)
            elif held:
                held.append(message)
                if not message.get("more_body"):
                    for one in _rewritten(held):
                        await send(one)
            else:
                await send(message)

        await self._app(scope, receive, out if scope["type"] == "http" else send)


def _is_json(start: Message) -> bool:
    kinds = [value for name, value in start["headers"] if name == b"content-type"]
    return any(b"json" in kind for kind in kinds)


def _rewritten(held: list[Message]) -> list[Message]:
    start = held[0]
    read = b"".join(message.get("body", b"") for message in held[1:])
    body = msgspec.json.encode(masked(msgspec.json.decode(read))) if read else read
    others = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    headers: Any = [*others, (b"content-length", str(len(body)).encode())]
    return [{**start, "headers": headers}, {"type": "http.response.body", "body": body}]
