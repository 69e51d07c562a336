"""What we want of sound: codecs, and whether it is encrypted. The same for an offer's assessment and for its answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from callgate.core.sdp.reachable import nothing_known

SRTP_MODES: Final = ("off", "preferred", "required")


@dataclass(frozen=True, slots=True)
class SoundTerms:
    """What is asked of peers of one listener.

    Attributes:
        codecs: those we take and offer, what we like best first.
        own_order: whether our order chooses among what is offered, and not the offerer's.
        srtp: ``off``, ``preferred`` or ``required``.
        srtp_barred: why keys in SDP are not taken, in words that name the setting; empty when they are.
        source: where the peer's SIP comes from, by which its ``c=`` is judged; empty: it is not.
        nature: see `reachable.check_address`.
    """

    codecs: tuple[str, ...] = ("PCMU", "PCMA")
    own_order: bool = False
    srtp: str = "off"
    srtp_barred: str = "srtp is off"
    source: str = ""
    nature: Callable[[str], str] = nothing_known


@dataclass(frozen=True, slots=True)
class SoundPolicy:
    """The terms of every listener.

    Attributes:
        udp: for calls whose SIP comes over UDP.
        tcp: over TCP.
        tls: over TLS.
        nature: what an address is to this machine: see `reachable.check_address`.
    """

    udp: SoundTerms = SoundTerms()
    tcp: SoundTerms = SoundTerms()
    tls: SoundTerms = SoundTerms()
    nature: Callable[[str], str] = nothing_known

    def of(self, transport: str, source: str = "") -> SoundTerms:
        """The terms for a transport, ``udp``, ``tcp`` or ``tls``, and a peer's address."""
        terms = self.udp if transport == "udp" else self.tls if transport == "tls" else self.tcp
        return replace(terms, source=source, nature=self.nature) if source else terms


def sound_policy(
    *,
    codecs: tuple[str, ...] = ("PCMU", "PCMA"),
    own_order: bool = False,
    srtp_udp: str = "off",
    srtp_tcp: str = "off",
    srtp_tls: str = "off",
    srtp_without_tls: bool = False,
    nature: Callable[[str], str] = nothing_known,
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
        nature: what an address is to this machine.

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

    return SoundPolicy(terms("udp", srtp_udp), terms("tcp", srtp_tcp), terms("tls", srtp_tls), nature)
