"""What each torture message is owed by an endpoint that takes calls, by outcome.

``ACCEPT``: well-formed; it goes on to whoever serves its method (which may well refuse it for other reasons, noted as
``later``). ``DROP``: a response that must have no effect. A number: the status that the message layer answers with.
Where the RFC lets an element choose, the note says so.
"""

from dataclasses import dataclass
from typing import Final

ACCEPT: Final = "accept"
DROP: Final = "drop"


@dataclass(frozen=True, slots=True)
class Vector:
    """One message.

    Attributes:
        path: below this folder.
        section: of its RFC.
        title: of the section.
        owed: ``ACCEPT``, ``DROP`` or a status.
        about: what is odd in it, and why this outcome.
        word: something the reason of a refusal must say, so that it is refused for the right cause.
        unmet: why the outcome is not reached; such a vector is expected to fail.
    """

    path: str
    section: str
    title: str
    owed: str | int
    about: str
    word: str = ""
    unmet: str = ""

    @property
    def rfc(self) -> str:
        """The number of its RFC."""
        return self.path[3:7]


VECTORS: Final = (
    # RFC 4475 section 3.1.1 (Valid Messages)
    Vector(
        "rfc4475/wsinv.dat",
        "3.1.1.1",
        "A Short Tortuous INVITE",
        ACCEPT,
        "folds, blanks and compact names wherever the grammar allows them",
    ),
    Vector(
        "rfc4475/intmeth.dat",
        "3.1.1.2",
        "Wide Range of Valid Characters",
        ACCEPT,
        "every character a method, user or token may have; later: 405",
    ),
    Vector("rfc4475/esc01.dat", "3.1.1.3", "Valid Use of the % Escaping Mechanism", ACCEPT, "escapes in URIs"),
    Vector(
        "rfc4475/escnull.dat",
        "3.1.1.4",
        "Escaped Nulls in URIs",
        ACCEPT,
        "escaped NULs in URIs; later: 405, a REGISTER",
    ),
    Vector(
        "rfc4475/esc02.dat",
        "3.1.1.5",
        "Use of % When It Is Not an Escape",
        ACCEPT,
        "percent signs that escape nothing, in method and names; later: 405",
    ),
    Vector(
        "rfc4475/lwsdisp.dat",
        "3.1.1.6",
        "Message with No LWS between Display Name and <",
        ACCEPT,
        "no blank between display name and bracket",
    ),
    Vector("rfc4475/longreq.dat", "3.1.1.7", "Long Values in Header Fields", ACCEPT, "long values, 35 Via lines"),
    Vector(
        "rfc4475/dblreq.dat",
        "3.1.1.8",
        "Extra Trailing Octets in a UDP Datagram",
        ACCEPT,
        "a second message behind the first in one datagram: ignored",
    ),
    Vector(
        "rfc4475/semiuri.dat",
        "3.1.1.9",
        "Semicolon-Separated Parameters in URI User Part",
        ACCEPT,
        "semicolon in the user part",
    ),
    Vector(
        "rfc4475/transports.dat", "3.1.1.10", "Varied and Unknown Transport Types", ACCEPT, "unknown transports in Via"
    ),
    Vector(
        "rfc4475/mpart01.dat",
        "3.1.1.11",
        "Multipart MIME Message",
        ACCEPT,
        "a multipart body with binary parts; later: 405, a MESSAGE",
    ),
    Vector("rfc4475/unreason.dat", "3.1.1.12", "Unusual Reason Phrase", ACCEPT, "a reason phrase in UTF-8"),
    Vector("rfc4475/noreason.dat", "3.1.1.13", "Empty Reason Phrase", ACCEPT, "an empty reason phrase"),
    # RFC 4475 section 3.1.2 (Invalid Messages)
    Vector(
        "rfc4475/badinv01.dat",
        "3.1.2.1",
        "Extraneous Header Field Separators",
        400,
        "extra separators in Via and Contact",
        word="Via",
    ),
    Vector(
        "rfc4475/clerr.dat",
        "3.1.2.2",
        "Content Length Larger Than Message",
        400,
        "Content-Length beyond the datagram",
        word="content-length 9999",
    ),
    Vector("rfc4475/ncl.dat", "3.1.2.3", "Negative Content-Length", 400, "negative Content-Length", word="-999"),
    Vector(
        "rfc4475/scalar02.dat",
        "3.1.2.4",
        "Request Scalar Fields with Overlarge Values",
        400,
        "scalars out of range; CSeq decides",
        word="CSeq",
    ),
    Vector(
        "rfc4475/scalarlg.dat",
        "3.1.2.5",
        "Response Scalar Fields with Overlarge Values",
        DROP,
        "scalars out of range in a response",
        word="CSeq",
    ),
    Vector(
        "rfc4475/quotbal.dat",
        "3.1.2.6",
        "Unterminated Quoted String in Display Name",
        400,
        "display name without closing quote",
        word="quote",
    ),
    Vector(
        "rfc4475/ltgtruri.dat",
        "3.1.2.7",
        "<> Enclosing Request-URI",
        400,
        "Request-URI in angle brackets",
        word="request-uri",
    ),
    Vector(
        "rfc4475/lwsruri.dat",
        "3.1.2.8",
        "Malformed SIP Request-URI (embedded LWS)",
        400,
        "blank in the Request-URI (may be refused)",
        word="request line",
    ),
    Vector(
        "rfc4475/lwsstart.dat",
        "3.1.2.9",
        "Multiple SP Separating Request-Line Elements",
        400,
        "two blanks in the request line (may be refused)",
        word="request line",
    ),
    Vector(
        "rfc4475/trws.dat",
        "3.1.2.10",
        "SP Characters at End of Request-Line",
        400,
        "blanks after the version (may be refused)",
        word="request line",
    ),
    Vector(
        "rfc4475/escruri.dat",
        "3.1.2.11",
        "Escaped Headers in SIP Request-URI",
        400,
        "headers in the Request-URI (may be refused)",
        word="headers",
    ),
    Vector(
        "rfc4475/baddate.dat",
        "3.1.2.12",
        "Invalid Time Zone in Date Header Field",
        ACCEPT,
        "a Date that is not GMT; not to be refused by who does not use it",
    ),
    Vector(
        "rfc4475/regbadct.dat",
        "3.1.2.13",
        "Failure to Enclose name-addr URI in <>",
        ACCEPT,
        "a Contact that lacks brackets, in a REGISTER; later: 405 whatever it holds",
    ),
    Vector(
        "rfc4475/badaspec.dat",
        "3.1.2.14",
        "Spaces within addr-spec",
        ACCEPT,
        "blanks inside angle brackets (may be taken)",
    ),
    Vector(
        "rfc4475/baddn.dat",
        "3.1.2.15",
        "Non-token Characters in Display Name",
        ACCEPT,
        "comma in an unquoted display name (may be taken)",
    ),
    Vector("rfc4475/badvers.dat", "3.1.2.16", "Unknown Protocol Version", 505, "SIP/7.0", word="SIP/7.0"),
    Vector(
        "rfc4475/mismatch01.dat",
        "3.1.2.17",
        "Start Line and CSeq Method Mismatch",
        400,
        "CSeq of another method",
        word="CSeq",
    ),
    Vector(
        "rfc4475/mismatch02.dat",
        "3.1.2.18",
        "Unknown Method with CSeq Method Mismatch",
        400,
        "CSeq of another method, unknown method (400 or 501)",
        word="CSeq",
    ),
    Vector(
        "rfc4475/bigcode.dat",
        "3.1.2.19",
        "Overlarge Response Code",
        DROP,
        "a status of more than 32 bits",
        word="4294967301",
    ),
    # RFC 4475 section 3.2 (Transaction Layer Semantics)
    Vector(
        "rfc4475/badbranch.dat",
        "3.2.1",
        "Missing Transaction Identifier",
        400,
        "a branch that is the cookie alone (may be refused)",
        word="branch",
    ),
    # RFC 4475 section 3.3 (Application-Layer Semantics)
    Vector(
        "rfc4475/insuf.dat", "3.3.1", "Missing Required Header Fields", 400, "no Call-ID, From and To", word="Call-ID"
    ),
    Vector(
        "rfc4475/unkscm.dat",
        "3.3.2",
        "Request-URI with Unknown Scheme",
        416,
        "unknown scheme in the Request-URI",
        word="scheme",
    ),
    Vector(
        "rfc4475/novelsc.dat",
        "3.3.3",
        "Request-URI with Known but Atypical Scheme",
        416,
        "known scheme of another protocol in the Request-URI",
        word="scheme",
    ),
    Vector(
        "rfc4475/unksm2.dat",
        "3.3.4",
        "Unknown URI Schemes in Header Fields",
        ACCEPT,
        "unknown schemes in To, From and Contact; later: 405, a REGISTER",
    ),
    Vector(
        "rfc4475/bext01.dat",
        "3.3.5",
        "Proxy-Require and Require",
        420,
        "unknown option tags in Require",
        word="nothingSupportsThisEither",
    ),
    Vector(
        "rfc4475/invut.dat",
        "3.3.6",
        "Unknown Content-Type",
        ACCEPT,
        "unknown body type; later: 415, when the offer is looked at",
    ),
    Vector(
        "rfc4475/regaut01.dat",
        "3.3.7",
        "Unknown Authorization Scheme",
        ACCEPT,
        "unknown authorization scheme; later: 405, a REGISTER",
    ),
    Vector(
        "rfc4475/multi01.dat",
        "3.3.8",
        "Multiple Values in Single Value Required Fields",
        400,
        "single headers twice, with different values",
        word="2 times",
    ),
    Vector(
        "rfc4475/mcl01.dat",
        "3.3.9",
        "Multiple Content-Length Values",
        400,
        "Content-Length twice",
        word="content-length stands 2 times",
    ),
    Vector(
        "rfc4475/bcast.dat",
        "3.3.10",
        "200 OK Response with Broadcast Via Header Field Value",
        DROP,
        "a response whose second Via is a broadcast address",
        word="Via",
    ),
    Vector(
        "rfc4475/zeromf.dat", "3.3.11", "Max-Forwards of Zero", ACCEPT, "Max-Forwards 0, arrived: served like any other"
    ),
    Vector(
        "rfc4475/cparam01.dat",
        "3.3.12",
        "REGISTER with a Contact Header Parameter",
        ACCEPT,
        "unknown Contact parameter; later: 405, a REGISTER",
    ),
    Vector(
        "rfc4475/cparam02.dat",
        "3.3.13",
        "REGISTER with a url-parameter",
        ACCEPT,
        "unknown URI parameter in Contact; later: 405, a REGISTER",
    ),
    Vector(
        "rfc4475/regescrt.dat",
        "3.3.14",
        "REGISTER with a URL Escaped Header",
        ACCEPT,
        "headers in a Contact's URI; later: 405, a REGISTER",
    ),
    Vector(
        "rfc4475/sdp01.dat",
        "3.3.15",
        "Unacceptable Accept Offering",
        ACCEPT,
        "Accept without SDP; later: 406 would be allowed",
    ),
    # RFC 4475 section 3.4 (Backward Compatibility)
    Vector(
        "rfc4475/inv2543.dat",
        "3.4.1",
        "INVITE with RFC 2543 Syntax",
        400,
        "of RFC 2543: without Contact no dialog can be kept",
        word="Contact",
    ),
    # RFC 5118 section 4 (Parser Torture Tests)
    Vector(
        "rfc5118/ipv6-good.dat",
        "4.1",
        "Valid SIP Message with an IPv6 Reference",
        ACCEPT,
        "IPv6 reference in the Request-URI; later: 405, a REGISTER",
    ),
    Vector(
        "rfc5118/ipv6-bad.dat",
        "4.2",
        "Invalid SIP Message with an IPv6 Reference",
        400,
        "IPv6 address without brackets in the Request-URI",
        word="port",
    ),
    Vector(
        "rfc5118/port-ambiguous.dat",
        "4.3",
        "Port Ambiguous in a SIP URI",
        ACCEPT,
        "the port inside the brackets is part of the address",
    ),
    Vector(
        "rfc5118/port-unambiguous.dat", "4.4", "Port Unambiguous in a SIP URI", ACCEPT, "the port behind the brackets"
    ),
    Vector(
        "rfc5118/via-received-param-with-delim.dat",
        "4.5",
        "IPv6 Reference Delimiters in Via Header",
        ACCEPT,
        "brackets in received; later: 481, a BYE",
    ),
    Vector(
        "rfc5118/via-received-param-no-delim.dat",
        "4.5",
        "IPv6 Reference Delimiters in Via Header",
        ACCEPT,
        "no brackets in received",
    ),
    Vector(
        "rfc5118/mult-ip-in-header.dat",
        "4.7",
        "Multiple IP Addresses in SIP Headers",
        ACCEPT,
        "IPv4 and IPv6 hops; later: 481, a BYE",
    ),
    Vector(
        "rfc5118/ipv6-in-sdp.dat",
        "4.6",
        "SIP Request with IPv6 Addresses in Session Description Protocol (SDP) Body",
        ACCEPT,
        "IPv6 in SDP",
    ),
    Vector("rfc5118/mult-ip-in-sdp.dat", "4.8", "Multiple IP Addresses in SDP", ACCEPT, "IPv4 and IPv6 in SDP"),
    Vector("rfc5118/ipv4-mapped-ipv6.dat", "4.9", "IPv4-Mapped IPv6 Addresses", ACCEPT, "IPv4-mapped addresses"),
    Vector(
        "rfc5118/ipv6-bug-abnf-3-colons.dat",
        "4.10",
        "IPv6 Reference Bug in RFC 3261 ABNF",
        ACCEPT,
        "three colons, out of a faulty grammar; should be taken",
    ),
    Vector(
        "rfc5118/ipv6-correct-abnf-2-colons.dat",
        "4.10",
        "IPv6 Reference Bug in RFC 3261 ABNF",
        ACCEPT,
        "two colons before an IPv4 tail",
    ),
)
