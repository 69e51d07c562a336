"""How large the parts of a session description may be. Nothing in it nests."""

from typing import Final

from callgate.entities.limit import Limit

SDP_BYTES_MAX: Final = 32_768
LINES_MAX: Final = 1_000
MEDIA_COUNT_MAX: Final = 32
CRYPTO_LINES_MAX: Final = 16
MKI_BYTES_MAX: Final = 128
LIFETIME_PACKETS_MAX: Final = 1 << 48

LIMITS: Final = (
    Limit(
        "session description",
        SDP_BYTES_MAX,
        "bytes",
        "415",
        "An offer of audio is under 1 kB, one of a conferencing client with video under 8 kB.",
    ),
    Limit(
        "lines of a session description",
        LINES_MAX,
        "",
        "415",
        "Each is a loop step; an offer of audio has some twenty.",
    ),
    Limit("streams", MEDIA_COUNT_MAX, "", "415", "Browsers offer some ten; what needs more is no telephone."),
    Limit(
        "a=crypto lines of a stream",
        CRYPTO_LINES_MAX,
        "",
        "those after it are not looked at",
        "Phones offer four to eight. A line takes some 5 µs to read, so that a thousand of them would be felt.",
    ),
    Limit(
        "MKI of a key",
        MKI_BYTES_MAX,
        "bytes",
        "the line is not taken",
        "RFC 4568 section 6.1 (SRTP Key Parameter).",
    ),
    Limit(
        "lifetime of a key",
        LIFETIME_PACKETS_MAX,
        "packets",
        "the line is not taken",
        "RFC 3711 section 9.2 (Key Usage).",
    ),
)
"""Every one of them, for tests and docs."""
