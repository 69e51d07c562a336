import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.media.protocol import (
    MESSAGE_BYTES_MAX,
    Closed,
    Granted,
    Happened,
    Open,
    Say,
    ToControl,
    ToWorker,
    Unpacker,
    pack,
    to_control,
    to_worker,
)

TO_WORKER: list[ToWorker] = [
    Open(1, "demo", "call", {"systemPrompt": "é" * 500}, ("192.0.2.1", 4_000, "PCMU", 0, None, True, False, 20)),
    Open(2, "demo", "call", {}, None),
    Say(1, "bye", "max-duration"),
]
TO_CONTROL: list[ToControl] = [
    Granted([(1, 20_000)]),
    Happened(1, "info", "type", "words", {"a": [1]}),
    Closed(1, 2, 3, 4, 5, None, 6.5, ""),
]


@given(st.lists(st.integers(1, 60), min_size=1))
def test_however_the_stream_is_cut_the_messages_are_the_same(sizes: list[int]) -> None:
    stream = b"".join(pack(message) for message in TO_WORKER)
    unpacker, bodies, at = Unpacker(), [], 0
    for size in sizes * (len(stream) // sum(sizes) + 1):
        bodies += unpacker.feed(stream[at : at + size])
        at += size
    assert [to_worker.decode(body) for body in bodies] == TO_WORKER


def test_messages_of_the_worker_come_back_as_they_went() -> None:
    bodies = Unpacker().feed(b"".join(pack(message) for message in TO_CONTROL))
    assert [to_control.decode(body) for body in bodies] == TO_CONTROL


def test_a_length_beyond_reason_is_an_error() -> None:
    with pytest.raises(ValueError, match=f"expected at most {MESSAGE_BYTES_MAX}"):
        Unpacker().feed(b"\xff\xff\xff\xff")
