"""G.711."""

import pytest

from callgate.core.audio.g711 import DECODERS, ENCODERS


@pytest.mark.parametrize(("codec", "silence"), [("PCMU", b"\xff"), ("PCMA", b"\xd5")])
def test_silence_and_every_byte_survive(codec: str, silence: bytes) -> None:
    assert ENCODERS[codec](b"\0\0") == silence
    payload = bytes(value for value in range(256) if value != 0x7F)  # PCMU has two zeros; 0x7F becomes 0xFF
    assert ENCODERS[codec](DECODERS[codec](payload)) == payload
