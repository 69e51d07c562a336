"""How a call's sound fared: what a media worker counts, what the record keeps and what the API shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundQuality:
    """One session's sound so far, or at its end. Times in ms since the session was opened, unless said otherwise.

    Attributes:
        codec: on the wire, as in SDP; empty before it was agreed.
        encrypted: whether by SRTP.
        packets_received: RTP of the caller that was accepted.
        packets_sent: RTP sent.
        packets_lost: gaps in the caller's packets that were never filled.
        packets_late: came after their gap had been given up.
        packets_duplicate: came twice.
        packets_reordered: came after a later one, in time to be heard in order.
        packets_strange: from another source than the caller's, of no negotiated type, or malformed.
        packets_unauthenticated: with SRTP: plain ones, those with a wrong key, and replays.
        jitter_ms: of the caller's packets, RFC 3550 section 6.4.1; ``None`` before there are two.
        concealed_ms: sound made up for what was lost.
        far_lost_fraction: 0 to 1, of our packets, as the caller's last RTCP report says; ``None`` without one.
        far_jitter_ms: likewise.
        round_trip_ms: by RTCP; ``None`` before a report answered ours.
        mos: 1.0 to 4.5, what the agent hears of the caller, by the E-model; ``None`` before sound came.
        far_mos: what the caller hears of the agent, from its reports; ``None`` without them.
        first_received_ms: to the first accepted packet; ``None`` when none came.
        first_spoken_ms: to the first packet sent that carries the brain's sound; ``None`` when none was.
        latched: the address sound really goes to, ``ip:port``.
        frames_skipped: of ours, whose time passed while the media process was stalled.
    """

    codec: str = ""
    encrypted: bool = False
    packets_received: int = 0
    packets_sent: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    packets_reordered: int = 0
    packets_strange: int = 0
    packets_unauthenticated: int = 0
    jitter_ms: float | None = None
    concealed_ms: float = 0.0
    far_lost_fraction: float | None = None
    far_jitter_ms: float | None = None
    round_trip_ms: float | None = None
    mos: float | None = None
    far_mos: float | None = None
    first_received_ms: float | None = None
    first_spoken_ms: float | None = None
    latched: str = ""
    frames_skipped: int = 0
