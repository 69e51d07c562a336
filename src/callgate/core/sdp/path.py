"""What an offer and its answer settle: where and how RTP flows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundPath:
    """Where and how RTP flows on a leg.

    Attributes:
        remote_address: where to send, from the peer's SDP; IP text.
        remote_port: likewise; RTP.
        codec: ``PCMU`` or ``PCMA``.
        payload_type: the number on the wire for it, both ways.
        digits_payload_type: the number for RFC 4733 events; ``None`` when not negotiated.
        send: whether we may send (the peer does not hold).
        receive: whether the peer will send.
        packet_ms: length of the packets we send.
    """

    remote_address: str
    remote_port: int
    codec: str
    payload_type: int
    digits_payload_type: int | None = None
    send: bool = True
    receive: bool = True
    packet_ms: int = 20
