"""What every request has in common: whose key, whose body, which page."""

from typing import Annotated, Final

from fastapi import Depends, HTTPException, Request
from fastapi.security import APIKeyHeader

from callgate.entities.json import Json, JsonObject
from callgate.entities.page import Mark, PageFound, PageWanted
from callgate.operations.caller import Caller
from callgate.operations.operations import Operations
from callgate.schema.errors import Invalid
from callgate.schema.json_text import read_json
from callgate.schema.page import PAGE_SIZE_MAX, list_name, page, page_size, read_cursor, write_cursor
from callgate.web.documented import asked
from callgate.web.masking import hide_secrets

KEY_HEADER: Final = "X-API-Key"
UNSAFE_KEY_HEADER: Final = "X-Unsafe-API-Key"  # the same, and the one that browsers of other sites may send
LINT_HEADER: Final = "X-Callgate-Lint"

_PAGING: Final = ("cursor", "pageSize")  # the parameters that do not say which list it is

_key = APIKeyHeader(name=KEY_HEADER, scheme_name="apiKeyAuth", auto_error=False)


def operations_of(request: Request) -> Operations:
    """The verbs."""
    operations: Operations = request.app.state.operations
    return operations


async def authenticated(request: Request, key: Annotated[str | None, Depends(_key)]) -> Caller:
    """Who asks; 401 without a good key, 403 when it may only read and something is to be changed."""
    key = key or request.headers.get(UNSAFE_KEY_HEADER)
    if not key:
        raise HTTPException(401, f"an API key is needed in the header {KEY_HEADER}")
    caller = operations_of(request).caller(key, changes=request.method not in ("GET", "HEAD"))
    if caller.reads_only:
        hide_secrets(request.scope)
    return caller


async def json_body(request: Request) -> Json:
    """The body; 413 when it is too long, 415 when it does not claim to be JSON, 400 when it is not.

    None at all is an empty object: what may be left out may be left out altogether.
    """
    limit: int = request.app.state.body_bytes_max
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > limit:
            raise HTTPException(413, f"the body is longer than {limit} bytes")
    if not read:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise HTTPException(415, f"expected content type application/json: `{kind[:60]}`")
    try:
        return read_json(bytes(read))
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def entity_tags(request: Request) -> list[str] | None:
    """The strong tags of ``If-Match``; ``None`` without the header. RFC 9110 section 13.1.1 (If-Match)."""
    given = request.headers.getlist("if-match")
    return [tag.strip() for line in given for tag in line.split(",")] if given else None


class Paging:
    """Which page is asked for."""

    def __init__(
        self,
        request: Request,
        cursor: str | None = None,
        pageSize: Annotated[str | None, asked("integer", minimum=1, maximum=PAGE_SIZE_MAX)] = None,
    ) -> None:
        """Read it from the query.

        Raises:
            Invalid: no cursor of this list, a size out of bounds, or what no text in a database can hold.
        """
        self._url = request.url
        given = request.query_params.multi_items()
        unfit = [name for name, value in given if "\0" in name + value]
        if unfit:
            raise Invalid({name: ["may not hold a NUL character"] for name in unfit})
        self._list = list_name(request.scope["path"], ((name, value) for name, value in given if name not in _PAGING))
        self.wanted = PageWanted(page_size(pageSize), None if cursor is None else read_cursor(cursor, self._list))

    def answer(self, found: PageFound[Json]) -> JsonObject:
        """The page, with the URLs of its neighbours."""
        return page(found.items, found.total, self._at(found.following), self._at(found.preceding))

    def _at(self, mark: Mark | None) -> str | None:
        if mark is None:
            return None
        return str(self._url.include_query_params(cursor=write_cursor(mark, self._list)))


Asker = Annotated[Caller, Depends(authenticated)]
JsonBody = Annotated[Json, Depends(json_body)]
Verbs = Annotated[Operations, Depends(operations_of)]
Page = Annotated[Paging, Depends()]
