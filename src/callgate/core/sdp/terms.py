"""What we want of sound: codecs, and whether it is encrypted. The same for an offer's assessment and for its answer."""

from dataclasses import dataclass
from typing import Final

SRTP_MODES: Final = ("off", "preferred", "required")


@dataclass(frozen=True, slots=True)
class SoundTerms:
    """What is asked of peers of one listener.

    Attributes:
        codecs: those we take and offer, what we like best first.
        own_order: whether our order chooses among what is offered, and not the offerer's.
        srtp: ``off``, ``preferred`` or ``required``.
        srtp_barred: why keys in SDP are not taken, in words that name the setting; empty when they are.
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    own_order: bool = False
    srtp: str = "off"
    srtp_barred: str = "srtp is off"


@dataclass(frozen=True, slots=True)
class SoundPolicy:
    """The terms of every listener.

    Attributes:
        udp: for calls whose SIP comes over UDP.
        tcp: over TCP.
        tls: over TLS.
    """

    udp: SoundTerms = SoundTerms()
    tcp: SoundTerms = SoundTerms()
    tls: SoundTerms = SoundTerms()

    def of(self, transport: str) -> SoundTerms:
        """The terms for a transport: ``udp``, ``tcp`` or ``tls``."""
        return self.udp if transport == "udp" else self.tls if transport == "tls" else self.tcp


def sound_policy(
    *,
    codecs: tuple[str, ...] = ("PCMU", "PCMA"),
    own_order: bool = False,
    srtp_udp: str = "off",
    srtp_tcp: str = "off",
    srtp_tls: str = "off",
    srtp_without_tls: bool = False,
) -> SoundPolicy:
    """The terms of every listener, from what the operator says.

    Args:
        codecs: those we take and offer, what we like best first.
        own_order: whether our order chooses.
        srtp_udp: ``off``, ``preferred`` or ``required``, for SIP over UDP.
        srtp_tcp: likewise over TCP.
        srtp_tls: likewise over TLS.
        srtp_without_tls: whether keys may travel in SIP that anybody on the way can read. RFC 4568 section 8.3
            (Confidentiality of SDP) has them encrypted.

    Raises:
        ValueError: a mode is none.
    """

    def terms(transport: str, mode: str) -> SoundTerms:
        if mode not in SRTP_MODES:
            raise ValueError(f"srtp.{transport} is {mode!r}; expected one of {', '.join(SRTP_MODES)}")
        barred = ""
        if mode == "off":
            barred = f"srtp.{transport} is off"
        elif transport != "tls" and not srtp_without_tls:
            barred = f"srtp.without_tls is off, as anybody on the way could read a key in SIP over {transport.upper()}"
        return SoundTerms(codecs, own_order, mode, barred)

    return SoundPolicy(terms("udp", srtp_udp), terms("tcp", srtp_tcp), terms("tls", srtp_tls))
