import wave
from pathlib import Path

import pytest

from callgate.core.audio.codecs import available, wire_codec
from callgate.core.audio.convert import converter
from callgate.core.audio.format import PCM_8K
from callgate.core.audio.g711 import CODECS
from callgate.core.audio.tones import tone
from callgate.core.rtp.packet import pack
from callgate.core.sdp.path import Crypto, SoundPath
from callgate.media.srtp import Srtp
from callgate.phone.sound import PhoneSound, SoundFileError, check_digits, read_wav, write_wav


class Times:
    now = 10.0

    def __call__(self) -> float:
        return self.now


def heard(*timestamps: int) -> PhoneSound:
    times = Times()
    sound = PhoneSound(times, 1)
    sound.redirect(SoundPath("127.0.0.1", 4000, "PCMU", 0))
    loud = CODECS["PCMU"].encode(tone(440, 20))
    for number, timestamp in enumerate(timestamps):
        times.now += 0.02
        sound.datagram_received(pack(0, False, number, timestamp & 0xFFFF_FFFF, 7, loud), ("127.0.0.1", 4000))
    return sound


def test_sound_is_recorded_where_its_timestamp_says() -> None:
    recorded = heard(1_000, 1_160, 1_480).recorded
    assert len(recorded) == 320 + 4 * 320  # what was silent before, two frames, a gap, one frame
    assert not any(recorded[:320])
    assert not any(recorded[320 + 640 : 320 + 960])


def test_timestamps_may_wrap_and_begin_anew() -> None:
    assert len(heard(-160, 0, 160).recorded) == 4 * 320
    assert len(heard(1_000, 1_160, 3_000_000_000).recorded) == 4 * 320


def test_sound_and_silence_are_told_apart() -> None:
    sound = heard(0, 160)
    assert (sound.heard_frames, sound.packets_received, sound.first_sound_s) == (2.0, 2, 10.02)
    sound.datagram_received(pack(0, False, 9, 320, 7, CODECS["PCMU"].silence), ("127.0.0.1", 4000))
    assert (sound.heard_frames, sound.packets_received) == (2.0, 3)


def test_what_is_no_sound_of_the_call_is_dropped() -> None:
    sound = heard()
    for data in (b"", b"x" * 20, pack(13, False, 1, 1, 1, b"x")):
        sound.datagram_received(data, ("127.0.0.1", 4000))
    assert sound.packets_received == 0


@pytest.mark.parametrize(("codec", "clock_hz"), [("G722", 8_000), ("OPUS", 48_000), ("L16", 16_000), ("PCMA", 8_000)])
def test_every_codec_is_heard_and_recorded_in_its_own_time(codec: str, clock_hz: int) -> None:
    wire = wire_codec(codec, clock_hz)
    if wire not in available():
        pytest.skip(f"{codec} is not installed")
    times = Times()
    sound = PhoneSound(times, 1)
    sound.redirect(SoundPath("127.0.0.1", 4000, codec, 96, clock_hz=clock_hz))
    encode, frame = converter(PCM_8K, wire), tone(440, 20)
    for number in range(50):
        times.now += 0.02
        packet = pack(96, False, number, number * clock_hz // 50, 7, encode(frame))
        sound.datagram_received(packet, ("127.0.0.1", 4000))
    assert sound.packets_received == 50
    assert sound.heard_frames > 45
    assert abs(len(sound.recorded) - 51 * 320) <= 640
    sound.datagram_received(pack(96, False, 50, 50 * clock_hz // 50, 7, b""), ("127.0.0.1", 4000))


def test_with_keys_nothing_else_is_heard() -> None:
    keys = Crypto("AEAD_AES_128_GCM", b"a" * 28, b"b" * 28)
    sound = PhoneSound(Times(), 1)
    sound.redirect(SoundPath("127.0.0.1", 4000, "PCMU", 0, crypto=keys))
    packet = pack(0, False, 1, 160, 7, CODECS["PCMU"].encode(tone(440, 20)))
    theirs = Srtp(Crypto(keys.suite, keys.remote_key, keys.local_key))
    protected = theirs.protect(packet)
    assert protected is not None
    for data in (packet, protected, protected):  # in the clear; as agreed; replayed
        sound.datagram_received(data, ("127.0.0.1", 4000))
    assert sound.packets_received == 1
    sound.redirect(SoundPath("127.0.0.1", 4000, "PCMU", 0))
    sound.datagram_received(packet, ("127.0.0.1", 4000))
    assert sound.packets_received == 2


def test_a_file_written_is_read_again(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 100))
    assert read_wav(tmp_path / "a.wav") == tone(440, 100)


def test_a_file_of_another_rate_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(64))
    with pytest.raises(SoundFileError, match=r"has 16000 Hz, 2 channels, 16 bits; expected 8000 Hz.*sox"):
        read_wav(tmp_path / "a.wav")
    with pytest.raises(SoundFileError, match="cannot be read"):
        read_wav(tmp_path / "none.wav")


def test_digits_are_checked() -> None:
    check_digits("0123456789*#ABCD,,1")
    with pytest.raises(ValueError, match="not a digit"):
        check_digits("1;2")
