import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.dialects.event_stream import LINE_BYTES_MAX, EventStream


@pytest.mark.parametrize(
    ("received", "data"),
    [
        (b"data: one\n\ndata: two\n\n", ["one", "two"]),
        (b"data:one\r\n\r\n", ["one"]),
        (b"data: one\r\rdata: two\r\r", ["one", "two"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": still there\n\nevent: x\nid: 5\ndata:  {}\n\n", [" {}"]),
        (b"data: not yet complete\n", []),
        (b"event: nothing\n\n", []),
        (b"data: \xff\n\n", ["\N{REPLACEMENT CHARACTER}"]),
    ],
)
def test_the_data_of_events(received: bytes, data: list[str]) -> None:
    assert EventStream().feed(received) == data


@given(st.lists(st.sampled_from(["data: x", "data: y", ":", ""])), st.sampled_from(["\n", "\r", "\r\n"]), st.data())
def test_it_does_not_matter_where_it_is_cut(lines: list[str], end: str, data: st.DataObject) -> None:
    whole = "".join(line + end for line in lines).encode()
    cut = data.draw(st.integers(0, len(whole)))
    other = data.draw(st.integers(cut, len(whole)))
    stream = EventStream()
    found = stream.feed(whole[:cut]) + stream.feed(whole[cut:other]) + stream.feed(whole[other:])
    assert found == EventStream().feed(whole)


@given(st.lists(st.binary(max_size=50)))
def test_whatever_comes_is_read(pieces: list[bytes]) -> None:
    stream = EventStream()
    assert all(isinstance(data, str) for piece in pieces for data in stream.feed(piece))


@pytest.mark.parametrize("endless", [b"x", b"data:\n", b"data: " + 1_000 * b"x" + b"\n"])
def test_an_endless_event_is_refused(endless: bytes) -> None:
    with pytest.raises(ValueError, match=f"longer than {LINE_BYTES_MAX} bytes"):
        EventStream().feed(endless * (LINE_BYTES_MAX // len(endless) + 2))
