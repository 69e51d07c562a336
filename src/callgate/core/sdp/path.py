"""What an offer and its answer settle: where and how RTP flows."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Crypto:
    """The keys of SRTP for one leg, as its two `a=crypto` lines say. They are in no repr, no log and no record.

    Attributes:
        suite: ``AES_CM_128_HMAC_SHA1_80``, ``AES_CM_128_HMAC_SHA1_32`` or ``AEAD_AES_128_GCM``.
        local_key: master key and master salt of what we send, one after the other.
        remote_key: the same of what the peer sends.
        remote_mki: master key identifier that the peer's packets carry (RFC 3711 section 3.1, SRTP Packet
            Definition); empty when they carry none. Ours never do.
        remote_lifetime: packets the peer means to send under its key; ``None`` when it does not say.
    """

    suite: str
    local_key: bytes = field(repr=False)
    remote_key: bytes = field(repr=False)
    remote_mki: bytes = b""
    remote_lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class SoundPath:
    """Where and how RTP flows on a leg.

    Attributes:
        remote_address: where to send, from the peer's SDP; IP text.
        remote_port: likewise; RTP.
        codec: ``PCMU``, ``PCMA``, ``G722``, ``OPUS`` or ``L16``.
        payload_type: the number on the wire for it, of what we send.
        digits_payload_type: the number for RFC 4733 events; ``None`` when not negotiated.
        send: whether we may send (the peer does not hold).
        receive: whether the peer will send.
        packet_ms: length of the packets we send.
        clock_hz: of the codec's RTP timestamps; 8,000 for G.722 too (RFC 3551 section 4.5.2, G722), 48,000 for Opus.
        digits_clock_hz: of the RFC 4733 events' durations.
        comfort_noise_payload_type: the number for RFC 3389 comfort noise; ``None`` when not negotiated.
        rtcp_port: where to send RTCP, at `remote_address`; ``None`` when it is known only once RTCP came.
        rtcp_mux: whether RTCP shares the port of RTP, ours and the peer's (RFC 5761).
        crypto: keys of SRTP; ``None`` when sound is sent in the clear.
        format_parameters: what the peer's `a=fmtp` says of the codec, as written; empty without one.
        own_payload_types: the numbers of what the peer sends: sound, digits, comfort noise; ``None`` where they are
            those of what we send, as in every answer of ours. RFC 3264 section 6.1 (Unicast Streams) lets the answer to
            an offer of ours choose others.
    """

    remote_address: str
    remote_port: int
    codec: str
    payload_type: int
    digits_payload_type: int | None = None
    send: bool = True
    receive: bool = True
    packet_ms: int = 20
    clock_hz: int = 8_000
    digits_clock_hz: int = 8_000
    comfort_noise_payload_type: int | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    crypto: Crypto | None = None
    format_parameters: str = ""
    own_payload_types: tuple[int, int | None, int | None] | None = None

    @property
    def received(self) -> tuple[int, int | None, int | None]:
        """The numbers of what the peer sends: sound, digits, comfort noise."""
        return self.own_payload_types or (
            self.payload_type,
            self.digits_payload_type,
            self.comfort_noise_payload_type,
        )
