import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sdp.path import Crypto, SoundPath
from callgate.entities.quality import SoundQuality
from callgate.media.protocol import (
    MESSAGE_BYTES_MAX,
    Closed,
    Granted,
    Happened,
    Inspected,
    Measured,
    Open,
    Redirect,
    Restage,
    Said,
    Say,
    Staged,
    ToControl,
    ToWorker,
    Unpacker,
    pack,
    to_control,
    to_worker,
)

KEYS = Crypto("AES_CM_128_HMAC_SHA1_80", bytes(range(30)), bytes(range(30, 60)))
PATH = SoundPath("192.0.2.1", 4_000, "PCMU", 0, None, True, False, crypto=KEYS)
TO_WORKER: list[ToWorker] = [
    Open(1, "demo", "call", {"systemPrompt": "é" * 500}, {"from": "sip:a@b"}, PATH, True),
    Open(2, "demo", "call", {}, {}, None, False),
    Redirect(1, PATH),
    Say(1, "bye", "max-duration"),
    Staged(1, "id", {"selectedTools": []}, ""),
]
TO_CONTROL: list[ToControl] = [
    Granted([(1, 20_000)]),
    Said(1, "r", "t", "m", 1.0, None, {"name": "n", "state": {"a": [None]}}),
    Restage(1, {"systemPrompt": "é"}),
    Happened(1, "info", "type", "words", {"a": [1]}),
    Measured(1, SoundQuality()),
    Closed(1, SoundQuality(codec="PCMU", packets_received=3, first_spoken_ms=6.5)),
    Inspected(2, [1, 2, 3], 0.5, 40_000),
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
