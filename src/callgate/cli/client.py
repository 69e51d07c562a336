"""The HTTP API of a node, as the command line asks it.

Over the standard library: it is loaded in 26 ms, aiohttp in 196, and one request after another is all that is needed.
"""

import http.client
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from callgate.cli.errors import Failed, Refused, Unreachable
from callgate.cli.node import Node

PAGE_SIZE_MAX: Final = 100
"""What the API gives at a time."""
_CONNECT_S: Final = 5.0
# An imagined call may ask the fallback handler, whose time is 60 s at most.
_ANSWER_S: Final = 90.0
# Two hundred moves of a replay with their examples are under 1 MB, a hundred calls with long prompts under 30.
_ANSWER_BYTES_MAX: Final = 64 * 1_048_576
# A limit of requests per second is over in a moment; who asks for longer is told so.
_WAIT_S_MAX: Final = 5.0
_WAITS_MAX: Final = 3

Query = Sequence[tuple[str, str | None]]
"""Parameters by name, those without a value left out; a name may stand several times."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the node said.

    Attributes:
        status: below 400.
        headers: by name in lower case.
        body: its JSON; ``None`` when there is none.
    """

    status: int
    headers: Mapping[str, str]
    body: Any


def at(*parts: str) -> str:
    """The path of a thing: the first part as it is, whatever follows, which people gave, as one segment each."""
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])


class Client:
    """Asks one node, a connection per request.

    Args:
        node: whom.
        answer_s: how long an answer may take, and a connection, if that is less than usual.
        sleep: waits some seconds.
    """

    def __init__(self, node: Node, answer_s: float = _ANSWER_S, sleep: Callable[[float], None] = time.sleep) -> None:
        self.node = node
        self._answer_s = answer_s
        self._sleep = sleep
        self._base = urlsplit(node.url)

    def get(self, path: str, query: Query = ()) -> Answer:
        """GET, which is asked again when the node says that it is asked too much at the moment."""
        for _ in range(_WAITS_MAX):
            try:
                return self.ask("GET", path, query=query)
            except Refused as refused:
                wait_s = refused.retry_after_s
                if refused.status != http.HTTPStatus.TOO_MANY_REQUESTS or wait_s is None or wait_s > _WAIT_S_MAX:
                    raise
                self._sleep(wait_s)
        return self.ask("GET", path, query=query)

    def pages(self, path: str, query: Query = (), page_size: int = PAGE_SIZE_MAX) -> Iterator[Answer]:
        """The pages of a list, as long as the API says that there is a next one.

        Of `next` the query is used, at the address that we know: a node behind a proxy may know itself by another, and
        the key is for nobody else.
        """
        answer = self.get(path, [*query, ("pageSize", str(page_size))])
        yield answer
        while following := answer.body.get("next"):
            answer = self.get(f"{path}?{urlsplit(following).query}")
            yield answer

    def listed(self, path: str, query: Query = (), limit: int = 0) -> dict[str, Any]:
        """The first `limit` entries of a list, or all with 0, in the shape of a page."""
        size = PAGE_SIZE_MAX if limit == 0 else min(limit, PAGE_SIZE_MAX)
        page: dict[str, Any] = {}
        results: list[Any] = []
        for answer in self.pages(path, query, size):
            page = answer.body
            results += page["results"]
            if limit and len(results) >= limit:
                break
        return {**page, "results": results[:limit] if limit else results}

    def ask(
        self, method: str, path: str, body: Any = None, *, query: Query = (), headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request.

        Raises:
            Unreachable: nobody answers.
            Refused: a status of 400 or more.
            Failed: an answer that no node gives.
        """
        connection = self._connected()
        try:
            with self._answered(connection, method, path, body, query, headers) as response:
                data = response.read(_ANSWER_BYTES_MAX + 1)
            if len(data) > _ANSWER_BYTES_MAX:
                raise Failed(f"{self.node.url} sends more than {_ANSWER_BYTES_MAX} bytes")
            _check_whole(response)
            found = self._json(response, data)
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from None
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise self._refused(response, found)
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, found)

    def download(self, path: str, file: Path) -> int:
        """Write what is at a path into a new file; its length in bytes.

        Raises:
            Unreachable: nobody answers, or no longer.
            Refused: a status of 400 or more.
            FileExistsError: and other errors of `open`.
        """
        connection = self._connected()
        try:
            with self._answered(connection, "GET", path, None, (), None) as response:
                if response.status >= http.HTTPStatus.BAD_REQUEST:
                    raise self._refused(response, self._json(response, response.read(_ANSWER_BYTES_MAX)))
                with file.open("xb") as out:
                    try:
                        shutil.copyfileobj(response, out)
                        _check_whole(response)
                    except BaseException:
                        file.unlink()  # part of it would pass for the whole
                        raise
                    return out.tell()
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            raise self._lost(error) from None
        finally:
            connection.close()

    # ----------------------------------------------------------------------------------------------------- fragments

    def _connected(self) -> http.client.HTTPConnection:
        secure = self._base.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._base.hostname or "", self._base.port, timeout=min(_CONNECT_S, self._answer_s))
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Unreachable(
                f"no node answers at {self.node.url} ({words.lower()}); start one with `callgate serve`, or say with "
                "--url or CALLGATE_URL where it is"
            ) from None
        connection.sock.settimeout(self._answer_s)
        return connection

    def _answered(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Any,
        query: Query,
        headers: Mapping[str, str] | None,
    ) -> http.client.HTTPResponse:
        asked = [(name, value) for name, value in query if value is not None]
        target = self._base.path + path + (f"?{urlencode(asked)}" if asked else "")
        sent = {"X-API-Key": self.node.key, "Accept": "application/json", **(headers or {})}
        data = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        connection.request(method, target, data, sent)
        return connection.getresponse()

    def _json(self, response: http.client.HTTPResponse, data: bytes) -> Any:
        if not data:
            return None
        kind = response.headers.get_content_type()
        try:
            if kind == "application/json":
                return json.loads(data)
        except ValueError:
            pass
        raise Failed(
            f"{self.node.url} answers {response.status} with {kind} where a node answers with JSON; is it a Callgate?"
        )

    def _lost(self, error: Exception) -> Unreachable:
        words = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return Unreachable(f"{self.node.url} was reached, but gave no answer ({words.lower()})")

    def _refused(self, response: http.client.HTTPResponse, body: Any) -> Refused:
        status = response.status
        after = response.headers.get("Retry-After", "")
        wait_s = float(after) if after.isascii() and after.isdigit() else None
        if isinstance(body, dict) and isinstance(detail := body.get("detail"), str):
            words = f"{detail} ({status})"
        elif isinstance(body, dict) and status == http.HTTPStatus.BAD_REQUEST:
            words = _mistakes(body)
        else:
            words = f"the node answers with {status} {response.reason}"
        if status == http.HTTPStatus.UNAUTHORIZED:
            words += f"; the key is from {self.node.key_from}"
        if wait_s is not None:
            words += f"; again in {wait_s:g} s"
        return Refused(words, status, body, wait_s)


def _check_whole(response: http.client.HTTPResponse) -> None:
    """Whether all has come that was announced, which `read` with a limit does not tell.

    Raises:
        HTTPException: the answer breaks off.
    """
    if response.length:
        raise http.client.HTTPException(f"it breaks off, {response.length} bytes short")


def _mistakes(body: dict[str, Any]) -> str:
    """A 400 in lines: of each field what was wrong and what was expected."""
    from callgate.schema.errors import lines  # a mistake alone pays for what comes with it

    return "\n".join(lines(body))
