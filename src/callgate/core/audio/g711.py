"""G.711, between the wire's bytes and int16 little-endian sound. RFC 3551 section 4.5.14 (PCMA and PCMU)."""

import warnings
from collections.abc import Callable
from typing import Final

with warnings.catch_warnings():
    # Python 3.11 and 3.12 carry audioop and warn of its removal; from 3.13 on audioop-lts provides it.
    warnings.filterwarnings("ignore", message="'audioop' is deprecated", category=DeprecationWarning)
    import audioop

_WIDTH: Final = 2


def _from_pcmu(payload: bytes) -> bytes:
    return audioop.ulaw2lin(payload, _WIDTH)


def _from_pcma(payload: bytes) -> bytes:
    return audioop.alaw2lin(payload, _WIDTH)


def _to_pcmu(pcm: bytes) -> bytes:
    return audioop.lin2ulaw(pcm, _WIDTH)


def _to_pcma(pcm: bytes) -> bytes:
    return audioop.lin2alaw(pcm, _WIDTH)


DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {"PCMU": _from_pcmu, "PCMA": _from_pcma}
ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {"PCMU": _to_pcmu, "PCMA": _to_pcma}
