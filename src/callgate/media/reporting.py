"""How a call's sound fares: RTCP both ways, the quality record, and the judge who says what is wrong with it."""

import time
from collections.abc import Callable
from typing import Final

from callgate.core.rtp.latching import Address
from callgate.core.rtp.mos import mean_opinion, rating
from callgate.core.rtp.rtcp import (
    Goodbye,
    Report,
    ReportBlock,
    RtcpError,
    middle,
    pack_goodbye,
    pack_report,
    parse,
    wall_clock,
)
from callgate.core.rtp.rtcp import round_trip_s as round_trip
from callgate.core.rtp.watch import Verdict, Watch
from callgate.entities.quality import SoundQuality
from callgate.media.line import unheard
from callgate.media.receiving import Receiving
from callgate.media.sending import Sending
from callgate.media.wire import Wire, shown
from callgate.ports import SoundPath

# RFC 3550 section 6.2 (RTCP Transmission Interval): 5 s, varied by half so that calls which began together drift apart;
# the first after half of that.
_INTERVAL_S: Final = 5.0
_CHECK_S: Final = 1.0
_MEASURED_EVERY: Final = 5  # checks
_CNAME: Final = "callgate"  # names no person, no machine
# What the two ends add to the network's delay: a frame to fill, one to wait for its turn, and a phone's buffer of 40.
_ENDS_MS: Final = 80.0
_PER_256: Final = 256


class Reporting:
    """Reports of one session.

    Args:
        wire: to send RTCP by.
        sending: what we send.
        receiving: what comes.
        watch: the judge.
        chance: 32 random bits a call.
        tell: told verdicts.
        measured: told the quality every few seconds.
        clock: seconds that never go back.
        wall: seconds since 1970, for RTCP.
    """

    __slots__ = (
        "_chance",
        "_check_s",
        "_checks",
        "_clock",
        "_expected_before",
        "_far",
        "_measured",
        "_opened_s",
        "_path",
        "_received_before",
        "_receiving",
        "_report_s",
        "_round_trip_s",
        "_sending",
        "_spoken_s",
        "_tell",
        "_their_report",
        "_wall",
        "_watch",
        "_wire",
    )

    def __init__(
        self,
        wire: Wire,
        sending: Sending,
        receiving: Receiving,
        watch: Watch,
        chance: Callable[[], int],
        tell: Callable[[Verdict], None],
        measured: Callable[[SoundQuality], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._wire = wire
        self._sending = sending
        self._receiving = receiving
        self._watch = watch
        self._chance = chance
        self._tell = tell
        self._measured = measured
        self._opened_s = clock()
        self._path: SoundPath | None = None
        self._report_s = self._check_s = 0.0
        self._checks = 0
        self._expected_before = self._received_before = 0
        self._their_report: tuple[int, int, float] = (0, 0, 0.0)  # SSRC, middle of its clock, when it came
        self._far: ReportBlock | None = None
        self._round_trip_s: float | None = None
        self._spoken_s: float | None = None

    def close(self) -> None:
        """Nobody is told any more."""
        self._tell = self._measured = unheard

    def redirect(self, path: SoundPath, now_s: float) -> None:
        """Sound flows elsewhere or otherwise."""
        self._path = path
        self._watch.hold(not path.send, now_s)

    def begin(self, now_s: float) -> None:
        """The call is joined."""
        self._watch.begin(now_s)
        self._report_s = now_s + self._interval_s() / 2
        self._check_s = now_s + _CHECK_S

    def tick(self, now_s: float) -> None:
        """To be called every frame."""
        if self._spoken_s is None and self._sending.spoken:
            self._spoken_s = now_s
        if now_s >= self._report_s:
            self._report_s = now_s + self._interval_s()
            self._wire.send_rtcp(pack_report(self._report(now_s), _CNAME))
        if now_s >= self._check_s:
            self._check_s = now_s + _CHECK_S
            self._check(now_s)

    def end(self) -> None:
        """Say goodbye. RFC 3550 section 6.3.7 (Transmitting a BYE Packet)."""
        if self._sending.packets:
            report = pack_report(self._report(self._clock()), _CNAME)
            self._wire.send_rtcp(report + pack_goodbye(self._sending.ssrc))

    def _interval_s(self) -> float:
        return _INTERVAL_S * (0.5 + self._chance() / (1 << 32))

    def _check(self, now_s: float) -> None:
        receiving, latch = self._receiving, self._wire.latch
        verdicts = self._watch.check(
            now_s,
            None if receiving.first_s is None else receiving.last_s,
            None if latch is None or latch.latched is None else shown(latch.latched),
            None if latch is None else shown(latch.signalled),
            receiving.strange + self._refused(),
        )
        for verdict in verdicts:
            self._tell(verdict)
        self._checks += 1
        if self._checks % _MEASURED_EVERY == 1:  # and so after the first second, too
            self._measured(self.quality())

    def _refused(self) -> int:
        srtp = self._wire.srtp
        return 0 if srtp is None else srtp.dropped

    # --------------------------------------------------------------------------------------------------------- RTCP

    def heard(self, data: bytes) -> None:
        """RTCP of the caller came."""
        now_s = self._clock()
        try:
            found = parse(data)
        except RtcpError:
            self._receiving.strange += 1
            return
        for packet in found:
            if isinstance(packet, Goodbye):
                continue  # SIP says when a call ends
            self._watch.reported(now_s)
            if packet.wall_clock:
                self._their_report = (packet.ssrc, middle(packet.wall_clock), now_s)
            for block in packet.blocks:
                if block.ssrc == self._sending.ssrc:
                    self._far = block
                    self._round_trip_s = round_trip(wall_clock(self._wall()), block) or self._round_trip_s
                    for verdict in self._watch.received_up_to(block.highest, self._sending.packets):
                        self._tell(verdict)

    def _report(self, now_s: float) -> Report:
        sending, reception = self._sending, self._receiving.reception
        blocks: tuple[ReportBlock, ...] = ()
        if reception.ssrc is not None:
            # RFC 3550 appendix A.3 (Determining Number of Packets Expected and Lost).
            expected = reception.highest - reception.first + 1
            received = reception.received - reception.before
            new_expected, new_received = expected - self._expected_before, received - self._received_before
            if new_expected < 0 or new_received < 0:  # another source since
                new_expected, new_received = expected, received
            self._expected_before, self._received_before = expected, received
            lost = max(0, new_expected - new_received)
            ssrc, middle_, came_s = self._their_report
            known = middle_ and ssrc == reception.ssrc
            blocks = (
                ReportBlock(
                    ssrc=reception.ssrc,
                    fraction_lost=min(255, lost * _PER_256 // new_expected) if new_expected else 0,
                    lost=expected - received,
                    highest=reception.highest,
                    jitter=int(reception.jitter_ticks),
                    last_report=middle_ if known else 0,
                    since_last_report=int((now_s - came_s) * 65_536) if known else 0,
                ),
            )
        return Report(
            sending.ssrc, wall_clock(self._wall()), sending.timestamp, sending.packets, sending.octets, blocks
        )

    # ------------------------------------------------------------------------------------------------------ quality

    def quality(self) -> SoundQuality:
        """The record as it stands."""
        sending, receiving, wire, path = self._sending, self._receiving, self._wire, self._path
        reception, latch, far = receiving.reception, wire.latch, self._far
        clock_hz = 8_000 if path is None else path.clock_hz
        delay_ms = _ENDS_MS + (0.0 if self._round_trip_s is None else 500 * self._round_trip_s)
        expected = reception.received + reception.lost
        far_lost = None if far is None else far.fraction_lost / 255
        return SoundQuality(
            codec="" if path is None else path.codec,
            encrypted=wire.srtp is not None,
            packets_received=reception.received,
            packets_sent=sending.packets,
            packets_lost=reception.lost,
            packets_late=reception.late,
            packets_duplicate=reception.duplicate,
            packets_reordered=reception.reordered,
            packets_strange=receiving.strange,
            packets_unauthenticated=self._refused(),
            jitter_ms=round(1_000 * reception.jitter_ticks / clock_hz, 2) if reception.received > 1 else None,
            concealed_ms=receiving.concealed_ms,
            far_lost_fraction=None if far_lost is None else round(far_lost, 3),
            far_jitter_ms=None if far is None else round(1_000 * far.jitter / clock_hz, 2),
            round_trip_ms=None if self._round_trip_s is None else round(1_000 * self._round_trip_s, 1),
            mos=_score(reception.lost / expected, delay_ms) if reception.received else None,
            far_mos=None if far_lost is None else _score(far_lost, delay_ms),
            first_received_ms=self._since_opened(receiving.first_s),
            first_spoken_ms=self._since_opened(self._spoken_s),
            latched="" if latch is None else _written(latch.target),
            frames_skipped=sending.frames_skipped,
        )

    def _since_opened(self, at_s: float | None) -> float | None:
        return None if at_s is None else round(1_000 * (at_s - self._opened_s), 1)


def _written(address: Address) -> str:
    host, port = shown(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _score(lost: float, delay_ms: float) -> float:
    return round(mean_opinion(rating(lost, delay_ms)), 2)
