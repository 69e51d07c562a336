"""What is kept of the SIP of calls."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class SipLogSettings:
    """What is kept of the SIP of calls."""

    sip_logs_enabled: bool = setting(
        "sip_logs.enabled",
        True,
        "Keep the SIP messages of each call with it, without credentials and keys, for `/api/calls/{id}/sip_logs`: "
        "some 2 kB of the database a call.",
    )
    sip_logs_messages_max: int = setting(
        "sip_logs.messages_max",
        100,
        "Messages kept of a call, half of them the first and half the last. A usual call has seven to twelve, an hour "
        "with a refresh of its session each quarter of an hour twelve more.",
        lowest=10,
        highest=10_000,
    )
    sip_logs_bytes_max: int = setting(
        "sip_logs.bytes_max",
        65_536,
        "Bytes of them, likewise: that much memory a call in progress takes at worst, a usual one 6 kB.",
        unit="bytes",
        lowest=8_192,
        highest=1_048_576,
    )
