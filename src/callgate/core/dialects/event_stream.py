"""Server-sent events, as they come in over HTTP: WHATWG HTML, section "Server-sent events". Pure."""

from typing import Final

LINE_BYTES_MAX: Final = 1024 * 1024  # a model's longest message is some kilobytes
_END: Final = b"\n"


class EventStream:
    """Reads one stream. Only the data of events is of interest; their names, ids and comments are passed over."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._after_return = False

    def feed(self, received: bytes) -> list[str]:
        """The data of the events that are complete now.

        Args:
            received: what came next, cut anywhere.

        Raises:
            ValueError: a line, or an event, is longer than `LINE_BYTES_MAX`.
        """
        if self._after_return and received.startswith(_END):
            received = received[1:]  # the second half of a line's end
        if received:
            self._after_return = received.endswith(b"\r")
        self._rest += received.replace(b"\r\n", _END).replace(b"\r", _END)
        *lines, rest = bytes(self._rest).split(_END)
        if len(rest) > LINE_BYTES_MAX:
            raise ValueError(f"a line of an event stream is longer than {LINE_BYTES_MAX} bytes")
        self._rest = bytearray(rest)
        found = []
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                found.append(b"\n".join(self._data).decode("utf-8", "replace"))
                self._data, self._data_bytes = [], 0
        return found

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._data.append(value.removeprefix(b" "))
        self._data_bytes += len(line) + 1
        if self._data_bytes > LINE_BYTES_MAX:
            raise ValueError(f"an event is longer than {LINE_BYTES_MAX} bytes")
