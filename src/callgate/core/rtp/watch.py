"""Judges one call's sound as it goes: who is not heard, from where packets come, and when a call is dead.

Silence of a caller is news, never the end: phones are muted and leave silence out. A call ends for want of sound only
when nothing at all has come for a minute, reports included, and nobody is on hold.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final

from callgate.core.rtp.latching import Address
from callgate.entities.json import JsonObject

QUIET_S: Final = 3.0
"""No sound for so long is news: nobody waits longer before saying hello again."""
TIMEOUT_S: Final = 60.0
"""Nothing for so long is the end: five times the interval at which reports come at the latest."""
# What a phone behind a NAT calls itself: RFC 1918, RFC 6598 (carriers' NATs), RFC 4193, and link-local addresses.
_PRIVATE: Final = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)
_UNHEARD_REPORTS: Final = 3  # in a row that count nothing new of what we send: two may cross on their way


@dataclass(frozen=True, slots=True)
class Verdict:
    """Something to be told.

    Attributes:
        slug: stable name, an event's type.
        severity: ``info``, ``warning`` or ``error``.
        words: for people: what, why most likely, and what to look at.
        extras: facts.
        ends: whether the call is dead.
    """

    slug: str
    severity: str
    words: str
    extras: JsonObject = field(default_factory=dict)
    ends: bool = False


class Watch:
    """One call's judge. Times are seconds on one clock that never goes back.

    Args:
        quiet_s: see `QUIET_S`.
        timeout_s: see `TIMEOUT_S`; 0: never.
    """

    def __init__(self, quiet_s: float = QUIET_S, timeout_s: float = TIMEOUT_S) -> None:
        self._quiet_s = quiet_s
        self._timeout_s = timeout_s
        self._begun_s = 0.0
        self._held = False
        self._held_until_s = 0.0
        self._quiet = False
        self._told_from: Address | None = None
        self._reported_s: float | None = None
        self._highest: int | None = None
        self._unheard = 0
        self._deaf = False

    def begin(self, now_s: float) -> None:
        """The call is joined."""
        self._begun_s = now_s

    def hold(self, held: bool, now_s: float) -> None:
        """The caller put us on hold, or came back."""
        if self._held and not held:
            self._held_until_s = now_s
        self._held = held

    def reported(self, now_s: float) -> None:
        """RTCP of the caller came."""
        self._reported_s = now_s

    def received_up_to(self, highest: int, sent: int) -> list[Verdict]:
        """A report block about us: the highest sequence number that reached the caller, and how many we have sent."""
        new, self._highest = highest != self._highest, highest
        if new or sent == 0 or self._held:
            self._unheard = 0
            if self._deaf:
                self._deaf = False
                return [Verdict("caller_hears_again", "info", "the caller's reports count what we send again")]
            return []
        self._unheard += 1
        if self._unheard < _UNHEARD_REPORTS or self._deaf:
            return []
        self._deaf = True
        return [
            Verdict(
                "caller_hears_nothing",
                "warning",
                "the caller's reports say that none of our packets arrive: something on the way drops them, most "
                "likely a firewall or NAT at the caller's side, or the address we send to is wrong",
                {"packetsSent": sent},
            )
        ]

    def check(
        self, now_s: float, heard_s: float | None, source: Address | None, signalled: Address | None, strange: int
    ) -> list[Verdict]:
        """What is to be told now; to be asked about once a second.

        Args:
            now_s: the time.
            heard_s: when the last packet of sound was accepted; ``None``: none has been.
            source: where sound was proved to come from; ``None`` before.
            signalled: where the SDP said it would.
            strange: packets that came and were not accepted.
        """
        found: list[Verdict] = []
        if source is not None and signalled is not None and source not in (signalled, self._told_from):
            found.append(_elsewhere(source, signalled))
        self._told_from = source
        since = max(self._begun_s, self._held_until_s, heard_s or 0.0)
        if self._held:
            return found
        if now_s - since >= self._quiet_s:
            if not self._quiet:
                self._quiet = True
                found.append(self._no_sound(now_s - since, heard_s, signalled, strange))
        elif self._quiet and heard_s is not None:
            self._quiet = False
            found.append(Verdict("sound_returned", "info", "the caller is heard again"))
        alive = max(since, self._reported_s or 0.0)
        if self._timeout_s and now_s - alive >= self._timeout_s:
            words = f"nothing came from the caller for {now_s - alive:.0f} s, neither sound nor reports"
            found.append(Verdict("media_timeout", "error", words, ends=True))
        return found

    def _no_sound(self, quiet_s: float, heard_s: float | None, signalled: Address | None, strange: int) -> Verdict:
        extras: JsonObject = {"quietS": round(quiet_s, 1), "packetsNotAccepted": strange}
        if heard_s is not None:
            why = (
                "the caller is muted, or leaves silence out"
                if self._reported_s
                else ("the caller is muted, leaves silence out, or lost its connection")
            )
            return Verdict(
                "no_sound_from_caller", "info", f"nothing was heard from the caller for {quiet_s:.0f} s: {why}", extras
            )
        where = "" if signalled is None else f" (its SDP says it sends from {signalled[0]}:{signalled[1]})"
        if strange:
            why = "packets come, but of no agreed kind or under other keys: compare the codecs and SRTP of both sides"
        elif self._reported_s is not None:
            why = "its reports do come, so the way is open: it sends no sound, most likely muted or waiting for ours"
        else:
            why = (
                "most likely a firewall or NAT drops its packets, or it sends to another address than ours: compare "
                "the setting `advertise` and the forwarded RTP ports with the address in our SDP"
            )
        return Verdict(
            "no_sound_from_caller",
            "warning",
            f"no packet of sound has come from the caller since the call began{where}: {why}",
            extras,
        )


def _elsewhere(source: Address, signalled: Address) -> Verdict:
    extras: JsonObject = {"source": f"{source[0]}:{source[1]}", "signalled": f"{signalled[0]}:{signalled[1]}"}
    if source[0] == signalled[0]:
        why = "another port of the same host: a NAT, or a phone that sends from another socket than it reads"
    elif _is_private(signalled[0]) and not _is_private(source[0]):
        why = "the SDP names a private address: the caller is behind a NAT and does not know its public address"
    else:
        why = "another host: a session border controller or media proxy in between, or a NAT"
    words = (
        f"the caller's sound comes from {extras['source']}, its SDP said {extras['signalled']}; {why}. We answer to "
        "where it comes from"
    )
    return Verdict("sound_from_elsewhere", "info", words, extras)


def _is_private(address: str) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in network for network in _PRIVATE if network.version == known.version)
