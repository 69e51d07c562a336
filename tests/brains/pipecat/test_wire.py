import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.brains.pipecat.wire import (
    BODY_BYTES_MAX,
    Frame,
    Kind,
    Unpacker,
    WireError,
    pack,
    pack_sound,
    read_object,
    read_sound,
    write_object,
)

FRAMES = st.builds(Frame, st.integers(0, 2**32 - 1), st.sampled_from(Kind), st.binary(max_size=2_000))


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 9_000), max_size=8))
def test_frames_survive_being_cut_anywhere(frames: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(pack(*frame) for frame in frames)
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    unpacker = Unpacker()
    read = [frame for start, end in zip(edges, edges[1:], strict=False) for frame in unpacker.feed(stream[start:end])]
    assert read == frames


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_anything_else_is_frames_or_an_error(pieces: list[bytes]) -> None:
    unpacker = Unpacker()
    with contextlib.suppress(WireError):  # and nothing else
        for piece in pieces:
            assert all(len(frame.body) <= BODY_BYTES_MAX for frame in unpacker.feed(piece))


def test_a_body_beyond_all_reason_is_an_error_before_it_comes() -> None:
    with pytest.raises(WireError, match="a body of 4194305 bytes; expected at most 4194304"):
        Unpacker().feed((BODY_BYTES_MAX + 1).to_bytes(4, "big") + b"\0\0\0\1\x12")
    with pytest.raises(WireError, match="a body of 4194305 bytes"):
        pack(1, Kind.SPEECH, bytes(BODY_BYTES_MAX + 1))


def test_a_kind_that_is_none_is_an_error() -> None:
    with pytest.raises(WireError, match="kind 15; expected one of 1, 2"):
        Unpacker().feed(b"\0\0\0\0\0\0\0\1\x0f")


@given(st.integers(0, 2**64 - 1), st.binary(max_size=2_000))
def test_sound_carries_how_much_was_heard(heard: int, sound: bytes) -> None:
    (frame,) = Unpacker().feed(pack_sound(3, heard, sound))
    assert (frame.call, frame.kind) == (3, Kind.SOUND)
    assert read_sound(frame.body) == (heard, sound)


def test_sound_without_it_is_an_error() -> None:
    with pytest.raises(WireError, match="sound of 7 bytes"):
        read_sound(b"1234567")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_objects_survive(fields: dict[str, object]) -> None:
    assert read_object(write_object(fields)) == fields


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_other_bodies_are_objects_or_an_error(body: bytes) -> None:
    with contextlib.suppress(WireError):  # and nothing else
        assert isinstance(read_object(body), dict)


def test_a_body_of_endless_brackets_is_an_error() -> None:
    with pytest.raises(WireError):
        read_object(b"[" * 100_000)
