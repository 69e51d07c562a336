"""What became of a call that the built-in phone placed."""

from dataclasses import asdict, dataclass

from callgate.entities.json import JsonObject


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call, from the caller's side. Times are milliseconds since the INVITE was sent.

    Attributes:
        uri: whom it was to.
        status: SIP status of the final response; ``None`` when there was none.
        reason: its phrase, or why there was none.
        ok: answered, and ended by a BYE of either side.
        rang_ms: to the first 180 or 183; ``None`` without one.
        answered_ms: to the 200; ``None`` without one.
        first_sound_ms: to the first packet that was not silence; ``None`` without one.
        talked_ms: from the answer to the end.
        heard_ms: how much sound that was not silence came.
        packets_sent: RTP.
        packets_received: RTP.
        ended_by: ``caller`` (the phone), ``callee``, or empty when the call was not answered or just vanished.
        codec: ``PCMU``, ``PCMA`` …; empty when there was none.
        srtp: the suite by which sound was encrypted; empty when it was not.
        why: the words of a refusal's ``Reason`` header, or its ``Warning``; empty without either.
    """

    uri: str
    status: int | None
    reason: str
    ok: bool = False
    rang_ms: float | None = None
    answered_ms: float | None = None
    first_sound_ms: float | None = None
    talked_ms: float = 0.0
    heard_ms: float = 0.0
    packets_sent: int = 0
    packets_received: int = 0
    ended_by: str = ""
    codec: str = ""
    why: str = ""
    srtp: str = ""

    def as_json(self) -> JsonObject:
        """For machines: the attributes, times rounded to a tenth of a millisecond."""
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(self).items()}

    def story(self) -> str:
        """For people, one line."""
        if self.answered_ms is None:
            status = f"{self.status} {self.reason}" if self.status is not None else self.reason
            return f"not answered: {status}" + (f" ({self.why})" if self.why else "")
        heard = f"heard {self.heard_ms / 1_000:.1f} s of sound" if self.heard_ms else "heard nothing"
        sound = f"{self.codec}, {self.srtp}" if self.srtp else self.codec
        ended = {"caller": "we hung up", "callee": "the other side hung up"}.get(self.ended_by, self.reason)
        return f"answered after {self.answered_ms:.0f} ms ({sound}), {heard}, {ended}"
