"""What is said in each dialog that a caller begins, message by message, until it is over and a little longer.

Messages are kept as they were read and as they were sent, without credentials and keys of SRTP. The first and the last
are kept: how a call began and how it ended says more than the hundredth refresh of its session.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from callgate.core.sdp.crypto import without_keys
from callgate.core.sip.credentials import without_credentials
from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, Response
from callgate.ports import Alarms, Clock
from callgate.signaling.transport import Peer

DialogName = tuple[str, str, str]

# The ACK of a refusal, and copies of what crossed with the last word.
_LINGER_S: Final = 1.0
_CALL_ID: Final = b"\r\nCall-ID: "  # as every message of ours writes it
_LINE: Final = b"\r\n"


@dataclass(frozen=True, slots=True)
class SipLogOptions:
    """What is kept of a dialog, and who is given it.

    Attributes:
        keep: told the dialog's name, when its INVITE came, and the ladder.
        messages_max: of a dialog; half of them the first, half the last.
        bytes_max: likewise, of all messages together.
    """

    keep: Callable[[DialogName, datetime, bytes], None]
    messages_max: int
    bytes_max: int


class _Entry(NamedTuple):
    at: datetime
    arrow: str
    peer: Peer
    data: bytes


class DialogLog:
    """The messages of one dialog.

    Attributes:
        begun: when its INVITE came.
        name: what names the dialog; ``None`` until it has been made.
    """

    def __init__(self, request: Request, begun: datetime, options: SipLogOptions) -> None:
        self.begun = begun
        self.name: DialogName | None = None
        self.call_id = request.call_id
        self._tag = request.from_.tag or ""
        self._tag_bytes = self._tag.encode("utf-8", "surrogateescape")
        self._branch = request.via.branch
        self._rows_max = max(1, options.messages_max // 2)
        self._bytes_max = options.bytes_max // 2
        self._first: list[_Entry] = []
        self._last: deque[_Entry] = deque()
        self._first_bytes = self._last_bytes = self._left_out = 0

    def has(self, message: Request | Response) -> bool:
        """Whether a message of the peer is the dialog's, or a copy of what began it.

        Raises:
            ParseError: the message does not say whose it is.
        """
        if isinstance(message, Response):
            return message.to.tag == self._tag
        if message.from_.tag != self._tag:
            return False
        if message.to.tag is not None:
            return self.name is None or message.to.tag == self.name[1]
        return message.via.branch == self._branch  # the INVITE again, its CANCEL, the ACK of a refusal

    def has_sent(self, data: bytes) -> bool:
        """Whether a message of ours with its Call-ID is the dialog's."""
        return self._tag_bytes in data

    def add(self, at: datetime, arrow: str, peer: Peer, data: bytes) -> None:
        """Note a message; one that would take all the room is cut."""
        entry = _Entry(at, arrow, peer, data[: self._bytes_max // 2])
        size = len(entry.data)
        if not self._last and len(self._first) < self._rows_max and self._first_bytes + size <= self._bytes_max:
            self._first.append(entry)
            self._first_bytes += size
            return
        self._last.append(entry)
        self._last_bytes += size
        while len(self._last) > self._rows_max or self._last_bytes > self._bytes_max:
            self._last_bytes -= len(self._last.popleft().data)
            self._left_out += 1

    def text(self) -> bytes:
        """All of it as a ladder."""
        parts = [self._shown(entry) for entry in self._first]
        if self._left_out:
            parts.append(f"… {self._left_out} messages are left out here …".encode() + _LINE + _LINE)
        parts += [self._shown(entry) for entry in self._last]
        return _without_secrets(b"".join(parts))

    def _shown(self, entry: _Entry) -> bytes:
        host = f"[{entry.peer.address}]" if ":" in entry.peer.address else entry.peer.address
        after_s = (entry.at - self.begun).total_seconds()
        at = entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = f"{at}  +{after_s:.3f} s  {entry.arrow} {entry.peer.transport} {host}:{entry.peer.port}"
        end = _LINE if entry.data.endswith(_LINE) else _LINE + _LINE
        return b"".join((head.encode(), _LINE, entry.data, end))


def _without_secrets(text: bytes) -> bytes:
    """Most calls hold none, and a look says so."""
    lower = text.lower()
    if b"authorization" in lower:
        text = without_credentials(text)
    if b"inline:" in lower:
        text = without_keys(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return text


class DialogLogs:
    """Those there are."""

    def __init__(self, options: SipLogOptions, clock: Clock, alarms: Alarms) -> None:
        self._options = options
        self._clock = clock
        self._alarms = alarms
        self._logs: dict[str, list[DialogLog]] = {}  # by Call-ID, which several may have in common

    def __len__(self) -> int:
        return sum(map(len, self._logs.values()))

    def begin(self, request: Request, peer: Peer) -> DialogLog:
        """An INVITE came that is served."""
        log = DialogLog(request, self._clock.now(), self._options)
        self._logs.setdefault(log.call_id, []).append(log)
        log.add(log.begun, "<-", peer, request.encode())
        return log

    def came(self, message: Request | Response, peer: Peer) -> None:
        """A message came; most belong to a dialog."""
        logs = self._logs.get(message.headers.get("Call-ID") or "")
        if logs:
            with suppress(ParseError):
                for log in logs:
                    if log.has(message):
                        log.add(self._clock.now(), "<-", peer, message.encode())

    def sent(self, data: bytes, peer: Peer) -> None:
        """A message leaves."""
        if not self._logs:
            return
        begin = data.find(_CALL_ID) + len(_CALL_ID)
        call_id = data[begin : data.find(_LINE, begin)].decode("utf-8", "surrogateescape")
        for log in self._logs.get(call_id, ()):
            if log.has_sent(data):
                log.add(self._clock.now(), "->", peer, data)

    def over(self, name: DialogName) -> None:
        """A dialog is over; what still comes for a moment is noted too."""
        for log in self._logs.get(name[0], ()):
            if log.name == name:
                self._alarms.after(_LINGER_S, partial(self._finish, log))
                return

    def close(self) -> None:
        """Nothing comes any more."""
        for log in [log for logs in self._logs.values() for log in logs]:
            self._finish(log)

    def forget(self, log: DialogLog) -> None:
        """No dialog came of an INVITE."""
        logs = self._logs.get(log.call_id, [])
        if log in logs:
            logs.remove(log)
        if not logs:
            self._logs.pop(log.call_id, None)

    def _finish(self, log: DialogLog) -> None:
        if log not in self._logs.get(log.call_id, ()):
            return
        self.forget(log)
        if log.name is not None:
            self._options.keep(log.name, log.begun, log.text())
