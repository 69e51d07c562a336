"""The course of a call."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class CallSettings:
    """The course of a call."""

    ring_after_s: float = setting(
        "ring.after_s",
        2.0,
        "180 Ringing leaves when the agent is connected or after this; at the first 180 many trunks "
        "stop looking elsewhere.",
        unit="s",
        lowest=0,
        highest=60,
    )
    ring_repeat_s: float = setting(
        "ring.repeat_s",
        60.0,
        "180 is repeated this often: proxies give up after three minutes without one.",
        unit="s",
        lowest=1,
        highest=170,
    )
