import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.brains.cascade.speech_sound import SpeechSound
from callgate.core.audio.tones import strength, tone
from callgate.core.audio.wav import write_wav


def samples(pcm: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)


def test_sound_without_a_header_is_taken_as_it_is() -> None:
    pcm = tone(700, 100, rate_hz=24_000)
    assert SpeechSound().feed(pcm) == pcm


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_wav_file_of_any_rate_sounds_the_same(rate_hz: int) -> None:
    made = SpeechSound().feed(write_wav(tone(700, 500, rate_hz=rate_hz), rate_hz))
    assert len(made) / 48 == pytest.approx(500, abs=3)
    assert strength(made, 700, 24_000) > 0.98


@pytest.mark.parametrize(
    ("beginning", "name"),
    [(b"ID3\4\0", "MP3"), (b"\xff\xfb\x90\0", "MP3"), (b"OggS\0", "Ogg"), (b'{"error":1}', "JSON"), (b"<!DOC", "HTML")],
)
def test_other_things_are_refused_by_name(beginning: bytes, name: str) -> None:
    with pytest.raises(ValueError, match=f"sent {name}; expected PCM or WAV"):
        SpeechSound().feed(beginning)


@settings(max_examples=30)
@given(st.sampled_from([None, 16_000, 22_050]), st.lists(st.integers(0, 4_000), max_size=6))
def test_it_does_not_matter_where_it_is_cut(rate_hz: int | None, cuts: list[int]) -> None:
    pcm = tone(700, 80, rate_hz=rate_hz or 24_000)
    whole = pcm if rate_hz is None else write_wav(pcm, rate_hz)
    reader, found, at = SpeechSound(), b"", 0
    for cut in (*sorted(cuts), len(whole)):
        found += reader.feed(whole[at:cut])
        at = max(at, cut)
    expected = SpeechSound().feed(whole)
    assert len(found) == len(expected)
    assert all(abs(one - other) <= 1 for one, other in zip(samples(found), samples(expected), strict=True))


@given(st.lists(st.binary(max_size=40)), st.booleans())
def test_nothing_but_a_value_error_comes_of_nonsense(pieces: list[bytes], wav: bool) -> None:
    reader = SpeechSound()
    try:
        for piece in (b"RIFF" if wav else b"", *pieces):
            assert len(reader.feed(piece)) % 2 == 0
    except ValueError:
        pass
