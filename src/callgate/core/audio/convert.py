"""The cheapest way from what is on the wire to what a brain wants, and back.

The same format: the very same bytes. One law into the other: a table of 256 bytes. Anything else: decode, resample,
encode, each only if needed. A call of G.711 at both ends never imports numpy.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from callgate.core.audio.codecs import PCMA, PCMU, Turn, WireCodec
from callgate.core.audio.format import PCM_8K, PCM_16K, PCM_24K, PCM_48K, PCMA_8K, PCMU_8K, SoundFormat

_LAW: Final = {"pcmu": PCMU, "pcma": PCMA}
_EVERY_CODE: Final = bytes(range(256))


class Converter(Protocol):
    """One direction of one call: state goes from piece to piece."""

    @property
    def is_transcoding(self) -> bool:
        """Whether the bytes change at all."""
        ...

    def __call__(self, sound: bytes) -> bytes:
        """The next piece: a wire payload, or sound in a format (20 ms for a wire codec).

        Raises:
            ValueError: an Opus payload that is none; sound with half a sample; a length that the encoder cannot take.
        """
        ...

    def reset(self) -> None:
        """Forget what went through: the next piece begins after silence, as after a change of source."""
        ...


def converter(source: SoundFormat | WireCodec, target: SoundFormat | WireCodec) -> Converter:
    """From `source` to `target`.

    Raises:
        RuntimeError: a codec that is not installed.
    """
    source_form, target_form = _form(source), _form(target)
    if source_form == target_form:
        return _Untouched()
    from_law, to_law = _law(source_form), _law(target_form)
    if from_law is not None and to_law is not None:
        return _Table(to_law.new_encoder()(from_law.new_decoder()(_EVERY_CODE)))
    return _Chain(source, target)


def prepare(codecs: Iterable[WireCodec], formats: Iterable[SoundFormat]) -> None:
    """Load and compute now what the first conversion between any of these would wait for.

    To be called before a process carries sound: numpy takes 130 ms to import, Opus 250, the filter of a pair of rates
    2 to 8. What they do not need is not loaded.

    Raises:
        RuntimeError: a codec that is not installed.
    """
    wanted = tuple(formats)
    for codec in codecs:
        for form in wanted:
            converter(codec, form)
            converter(form, codec)(form.silence)


def choose_format(accepted: Sequence[SoundFormat], codec_name: str) -> SoundFormat:
    """Which of the formats that a brain accepts spares most work for what the caller sends, without losing sound.

    Args:
        accepted: not empty.
        codec_name: as in SDP; one that is unknown counts as PCMU.

    Raises:
        ValueError: nothing is accepted.
    """
    if not accepted:
        raise ValueError("a brain that accepts no sound format, expected at least one")
    order = _PREFERENCE.get(codec_name.upper(), _PREFERENCE["PCMU"])
    return min(accepted, key=order.index)


# Sound that the caller's codec carries comes before work; among what carries it all, the least work both ways.
_PREFERENCE: Final = {
    "PCMU": (PCMU_8K, PCMA_8K, PCM_8K, PCM_16K, PCM_24K, PCM_48K),
    "PCMA": (PCMA_8K, PCMU_8K, PCM_8K, PCM_16K, PCM_24K, PCM_48K),
    "G722": (PCM_16K, PCM_24K, PCM_48K, PCM_8K, PCMU_8K, PCMA_8K),
    # 16 kHz first: it is what speech models listen to and what Opus carries at telephone bit rates; the encoder takes
    # it as it is, and is slower by a quarter at 24, by half at 48.
    "OPUS": (PCM_16K, PCM_24K, PCM_48K, PCM_8K, PCMU_8K, PCMA_8K),
    "L16": (PCM_16K, PCM_8K, PCM_24K, PCM_48K, PCMU_8K, PCMA_8K),
}


class _Untouched:
    """The same bytes."""

    __slots__ = ()
    is_transcoding: Final = False

    def __call__(self, sound: bytes) -> bytes:
        return sound

    def reset(self) -> None:
        pass


class _Table:
    """A byte for a byte."""

    __slots__ = ("_table",)
    is_transcoding: Final = True

    def __init__(self, table: bytes) -> None:
        self._table = table

    def __call__(self, sound: bytes) -> bytes:
        return sound.translate(self._table)

    def reset(self) -> None:
        pass


class _Chain:
    """Up to three steps, each with its state."""

    __slots__ = ("_source", "_steps", "_target")
    is_transcoding: Final = True

    def __init__(self, source: SoundFormat | WireCodec, target: SoundFormat | WireCodec) -> None:
        self._source = source
        self._target = target
        self._steps = _steps(source, target)

    def __call__(self, sound: bytes) -> bytes:
        for step in self._steps:
            sound = step(sound)
        return sound

    def reset(self) -> None:
        self._steps = _steps(self._source, self._target)


def _form(end: SoundFormat | WireCodec) -> SoundFormat | WireCodec:
    """G.711 on the wire is a sound format like any other; the rest of the codecs are not."""
    return end.format if isinstance(end, WireCodec) and end.format.encoding in _LAW else end


def _law(end: SoundFormat | WireCodec) -> WireCodec | None:
    return _LAW.get(end.encoding) if isinstance(end, SoundFormat) else None


def _steps(source: SoundFormat | WireCodec, target: SoundFormat | WireCodec) -> tuple[Callable[[bytes], bytes], ...]:
    steps: list[Turn] = []
    decoded = source if isinstance(source, WireCodec) else _law(source)
    encoded = target if isinstance(target, WireCodec) else _law(target)
    rate_hz = source.rate_hz
    if decoded is not None:
        steps.append(decoded.new_decoder())
    wanted_hz = target.rate_hz
    if encoded is not None and rate_hz in encoded.encoder_rates_hz:
        wanted_hz = rate_hz
    if rate_hz != wanted_hz:
        from callgate.core.audio.resample import Resampler  # here: numpy is not for calls without it

        steps.append(Resampler(rate_hz, wanted_hz).push)
    if encoded is not None:
        steps.append(encoded.new_encoder(wanted_hz))
    return tuple(steps)
