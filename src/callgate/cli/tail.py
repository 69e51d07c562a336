"""Follows the decision records of a node: each once, none left out.

The API lists records by when their INVITE came. Most are there at once, but while the fallback handler is asked nothing
is written, and then a record appears among older ones. So a window of time is looked at again and again, not a place:
its newest page at every look, all of it at every so many looks, and the ids that have been seen in it are remembered.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from callgate.cli.client import PAGE_SIZE_MAX, Answer, Client, Query
from callgate.cli.errors import Failed

LOOK_EVERY_S: Final = 1.0
WHOLE_EVERY: Final = 15
"""Looks from one at the whole window to the next."""
# A handler may be asked for 60 s (`handler.timeout_s` at its highest), a whole look is 15 s away, and the rest is for
# slow answers and for the node's second that its `Date` lags behind.
WINDOW_S: Final = 90.0

_PATH: Final = "/api/sip/decisions"

Record = dict[str, Any]


class Tail:
    """One list of decision records, followed.

    Args:
        client: asks the node.
        query: filters of the list.
    """

    def __init__(self, client: Client, query: Query) -> None:
        self._client = client
        self._query = query
        self._since = ""  # where the window begins
        self._seen: dict[str, str] = {}  # ids in the window, with their time
        self._until_whole = 0

    def begin(self, last: int) -> list[Record]:
        """The newest `last` records, oldest first; whatever comes after them is new."""
        before: list[Record] = []
        for answer in self._client.pages(_PATH, self._query, max(1, min(last, PAGE_SIZE_MAX))):
            self._since = self._since or _window(answer)
            before += answer.body["results"]
            if len(before) >= last:
                break
        newest = max((record["decisionId"] for record in before), default="")
        meanwhile = [record for record in self.look(whole=True) if record["decisionId"] > newest]
        for record in before:
            self._remember(record)
        return [*reversed(before[:last]), *meanwhile]

    def look(self, *, whole: bool = False) -> list[Record]:
        """What has come since the last look, oldest first.

        A look that fails changes nothing but that the next one is at the whole window.

        Raises:
            Failed: the node cannot be asked.
        """
        left, self._until_whole = self._until_whole, 0
        whole = whole or left == 0
        found: dict[str, Record] = {}
        since = ""
        for answer in self._pages():
            since = since or _window(answer)
            new = [record for record in answer.body["results"] if record["decisionId"] not in self._seen]
            found |= {record["decisionId"]: record for record in new}
            if not new and not whole:
                break
        for record in found.values():
            self._remember(record)
        if whole:  # nothing before this can come any more
            self._since = max(since, self._since)
            self._seen = {name: at for name, at in self._seen.items() if at >= self._since}
            left = WHOLE_EVERY
        self._until_whole = left - 1
        return [found[name] for name in sorted(found)]

    def _pages(self) -> Iterator[Answer]:
        return self._client.pages(_PATH, [*self._query, ("fromDate", self._since)])

    def _remember(self, record: Record) -> None:
        self._seen[record["decisionId"]] = _text(datetime.fromisoformat(record["at"]))


def _window(answer: Answer) -> str:
    """Where the window of a look begins, by the node's clock.

    Raises:
        Failed: it tells no time.
    """
    date = answer.headers.get("date")
    if date is None:
        raise Failed("the answers of the node carry no Date, by whose clock the decisions are followed")
    return _text(parsedate_to_datetime(date) - timedelta(seconds=WINDOW_S))


def _text(at: datetime) -> str:
    """A time in UTC as text that sorts by time, and that the API reads."""
    return at.isoformat(timespec="microseconds")
