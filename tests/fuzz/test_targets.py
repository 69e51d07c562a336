"""The targets in everyday use: their corpus, inputs that hypothesis makes up, and what is quadratic somewhere."""

import ast
import re
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.limits import INPUT_BYTES_MAX, MEMORY_BYTES_MAX, SECONDS_MAX, Check
from tests.fuzz.targets import HERE, check_of, corpus, targets

WORDS = [
    ast.literal_eval(f"b{line}") for line in (HERE / "words.dict").read_text().splitlines() if line.startswith('"')
]
# Once, twice, … thousands of times in a row, in every place where a parser looks for the end of something.
REPEATED = (
    b'"',
    b"\\",
    b"<",
    b"<>",
    b'"<',
    b",",
    b";",
    b";a",
    b"a=",
    b" ",
    b"\t",
    b":",
    b"%",
    b"@",
    b"\xff",
    b"\r\n ",
    b"0",
)
AROUND = {
    "sip_message": [
        (b"INVITE sip:", b"@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n\r\n"),
        (b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: ", b"\r\n\r\n"),
        (b"OPTIONS sip:h SIP/2.0\r\nVia: ", b"\r\n\r\n"),
        (b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nSubject: a\r\n", b"\r\n\r\n"),
    ],
    "sip_stream": [(b"\x00", b""), (b"\x00OPTIONS sip:h SIP/2.0\r\nSubject: ", b"\r\n\r\n")],
    "sip_address": [
        (b"", b""),
        (b"sip:", b"@h"),
        (b'"', b'" <sip:a@h>'),
        (b"SIP/2.0/UDP ", b""),
        (b"<sip:a@h>;x=", b""),
    ],
    "sip_digest": [(b"Digest ", b""), (b'Digest username="', b'"'), (b"Digest a=b, ", b"")],
    "sdp": [
        (b"\x02v=0\r\nc=IN IP4 192.0.2.9\r\n", b""),
        (b"\x02v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP ", b"\r\n"),
        (b"\x02v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0\r\na=crypto:1 ", b"\r\n"),
    ],
    "rtp": [(b"\x00", b""), (b"\x01", b"")],
}
# Where it is long enough to be felt and short enough to be taken: below the limit of a header line, and of a message.
LENGTHS = (8_000, 60_000)


def cost(check: Check, data: bytes) -> float:
    """Processor time in seconds."""
    begun = time.process_time()
    check(data)
    return time.process_time() - begun


@pytest.mark.parametrize(
    ("target", "path"),
    [pytest.param(target, path, id=f"{target}-{path.stem}") for target in targets() for path in corpus(target)],
)
def test_the_corpus(target: str, path: Path) -> None:
    check, data = check_of(target), path.read_bytes()
    assert cost(check, data) < SECONDS_MAX
    tracemalloc.start()
    try:
        check(data)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES_MAX
    finally:
        tracemalloc.stop()


@st.composite
def inputs(draw: st.DrawFn, target: str) -> bytes:
    """One of the corpus with words put in and pieces cut out, or words in a row."""
    data = bytearray(draw(st.sampled_from(corpus(target))).read_bytes() if draw(st.booleans()) else b"")
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        if draw(st.integers(0, 3)):
            data[at:at] = draw(st.sampled_from(WORDS) | st.binary(max_size=8)) * draw(st.sampled_from((1, 1, 1, 2, 40)))
        else:
            del data[at : at + draw(st.integers(0, 30))]
    return bytes(data[:INPUT_BYTES_MAX])


@pytest.mark.parametrize("target", targets())
@settings(max_examples=300)
@given(data=st.data())
def test_what_is_made_up(target: str, data: st.DataObject) -> None:
    check_of(target)(data.draw(inputs(target) | st.binary(max_size=200)))


@pytest.mark.parametrize("target", targets())
def test_nothing_takes_quadratic_time(target: str) -> None:
    check = check_of(target)
    slow = {}
    for before, after in AROUND.get(target, [(b"", b"")]):
        for word in REPEATED:
            for length in LENGTHS:
                data = before + word * (length // len(word)) + after
                taken = cost(check, data[:INPUT_BYTES_MAX])
                if taken >= SECONDS_MAX:
                    slow[before, word, length] = taken
    assert slow == {}


def test_a_target_is_a_file_with_a_corpus_whose_names_say_what_is_odd() -> None:
    with_check = sorted(file.stem for file in HERE.glob("*.py") if "\ndef check(data: bytes)" in file.read_text())
    assert with_check == targets()
    names = [path.stem for target in targets() for path in (HERE / "corpus" / target).iterdir()]
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)] == []
    assert len(names) < 500


@pytest.mark.parametrize("target", targets())
def test_a_target_runs_when_it_is_asked_to(target: str) -> None:
    # Without its last lines the fuzzer would end at once, and report nothing found.
    assert f'    run("{target}")\n' in (HERE / f"{target}.py").read_text()
