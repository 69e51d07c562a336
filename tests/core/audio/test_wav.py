import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.audio.wav import RATE_HZ_MAX, WavStream, write_wav


def head(*, tag: int = 1, channels: int = 1, rate_hz: int = 24_000, bits: int = 16, length: int = 0) -> bytes:
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, 2 * rate_hz * channels, 2 * channels, bits)
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", length)


@given(st.binary(max_size=200).map(lambda pcm: pcm[: len(pcm) // 2 * 2]))
def test_what_is_written_is_a_wav_file(pcm: bytes) -> None:
    with wave.open(io.BytesIO(write_wav(pcm, 16_000))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(file.getnframes()) == pcm


@given(st.binary(min_size=2, max_size=200), st.lists(st.integers(0, 300), max_size=5))
def test_it_does_not_matter_where_it_is_cut(pcm: bytes, cuts: list[int]) -> None:
    pcm = pcm[: len(pcm) // 2 * 2]
    whole = write_wav(pcm, 22_050) + b"LIST\x04\0\0\0word"
    stream, found, at = WavStream(), b"", 0
    for cut in sorted(cuts):
        found += stream.feed(whole[at:cut])
        at = max(at, cut)
    found += stream.feed(whole[at:])
    assert (found, stream.rate_hz) == (pcm, 22_050)


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_FFFF])
def test_of_unknown_length_all_is_sound(length: int) -> None:
    assert WavStream().feed(head(length=length) + b"\1\2\3\4\5") == b"\1\2\3\4"


def test_two_channels_become_their_mean_and_other_chunks_are_passed_over() -> None:
    data = struct.pack("<4h", 100, 300, -100, -300)
    whole = head(channels=2, tag=0xFFFE)
    whole = whole[:12] + b"LIST\x03\0\0\0abc\0" + whole[12:]
    assert struct.unpack("<2h", WavStream().feed(whole + data)) == (200, -200)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"ID3\4", "not a WAV file"),
        (b"RIFF\0\0\0\0AVI ", "not a WAV file"),
        (head(bits=8), "16 bits"),
        (head(tag=3, bits=32), "format 3, 32 bits"),
        (head(channels=6), "6 channels"),
        (head(rate_hz=RATE_HZ_MAX + 1), "96001 Hz"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0", "without a format"),
        (b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff" + bytes(70_000), "without sound"),
    ],
)
def test_other_files_are_refused_with_words(file: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        WavStream().feed(file)


@given(st.lists(st.binary(max_size=60)), st.booleans())
def test_nothing_but_a_value_error_comes_of_nonsense(pieces: list[bytes], begins: bool) -> None:
    stream = WavStream()
    try:
        if begins:
            stream.feed(b"RIFF\0\0\0\0WAVEfmt ")
        for piece in pieces:
            assert len(stream.feed(piece)) % 2 == 0
    except ValueError:
        pass
