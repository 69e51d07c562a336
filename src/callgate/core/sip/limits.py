"""How large the parts of a SIP message may be: every size that whoever sends it chooses.

There is none for depth, since nothing is read recursively: what nests in SIP's grammar (comments in User-Agent and
Server, bodies of several parts) is passed over as text. What these limits leave open is bounded by them: a header of
8,192 characters has at most 4,096 parameters.
"""

from typing import Final

from callgate.entities.limit import Limit

MESSAGE_BYTES_MAX: Final = 65_535
START_LINE_CHARS_MAX: Final = 4_096
METHOD_CHARS_MAX: Final = 64
URI_CHARS_MAX: Final = 4_000
HEADER_COUNT_MAX: Final = 256
HEADER_LINE_CHARS_MAX: Final = 8_192
CONTENT_LENGTH_DIGITS_MAX: Final = 9
HOPS_MAX: Final = 255
CALL_ID_CHARS_MAX: Final = 512
HOST_CHARS_MAX: Final = 255
CSEQ_MAX: Final = 2**31 - 1
CSEQ_DIGITS_MAX: Final = 64
MAX_FORWARDS_MAX: Final = 255

LIMITS: Final = (
    Limit(
        "message",
        MESSAGE_BYTES_MAX,
        "bytes",
        "513; a connection is closed, since nobody knows where the next message begins",
        "The largest UDP datagram; the same on a stream, so that a transport never decides what can be said. "
        "The body is what headers leave of it.",
    ),
    Limit(
        "start line",
        START_LINE_CHARS_MAX,
        "characters",
        "414",
        "A Request-URI that we write ourselves is under 200; HTTP servers stop at 8 kB.",
    ),
    Limit(
        "method",
        METHOD_CHARS_MAX,
        "characters",
        "400",
        "The longest registered method has 9 letters; the torture messages try 44.",
    ),
    Limit(
        "URI",
        URI_CHARS_MAX,
        "characters",
        "400; as Request-URI 414",
        "A peer's Contact becomes the Request-URI of our BYE, which must be no longer than what we take ourselves.",
    ),
    Limit(
        "header lines",
        HEADER_COUNT_MAX,
        "",
        "400",
        "A busy INVITE has 20 to 40, the largest torture message 49; each one costs us a loop step and a tuple.",
    ),
    Limit(
        "header line",
        HEADER_LINE_CHARS_MAX,
        "characters, unfolded",
        "400",
        "An Identity header with the reference to its certificate is 1 to 2 kB, a long History-Info 4 kB.",
    ),
    Limit(
        "Content-Length",
        CONTENT_LENGTH_DIGITS_MAX,
        "digits",
        "400",
        "Leading zeros occur; a number of ten digits is over every limit.",
    ),
    Limit(
        "hops in Via, in Route and in Record-Route",
        HOPS_MAX,
        "each, over all their lines",
        "400",
        "As many as Max-Forwards lets there be. Without it a datagram full of hops would take tens of milliseconds.",
    ),
    Limit(
        "Call-ID",
        CALL_ID_CHARS_MAX,
        "characters",
        "400",
        "It is a key of tables and a column of records; usual ones have 30 to 80.",
    ),
    Limit("host name", HOST_CHARS_MAX, "characters", "400", "RFC 1035 section 2.3.4 (Size limits)."),
    Limit("CSeq number", CSEQ_MAX, "", "400", "RFC 3261 section 8.1.1.5 (CSeq): it must be less than 2^31."),
    Limit("CSeq number", CSEQ_DIGITS_MAX, "digits", "400", "Leading zeros occur, and so many of them are plenty."),
    Limit("Max-Forwards", MAX_FORWARDS_MAX, "", "400", "RFC 3261 section 20.22 (Max-Forwards)."),
)
"""Every one of them, for tests and docs."""
