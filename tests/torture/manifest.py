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
        owed: ``ACCEPT``, ``DROP`` or a status.
        about: what is odd in it, and why this outcome.
        word: something the reason of a refusal must say, so that it is refused for the right cause.
        unmet: why the outcome is not reached; such a vector is expected to fail.
    """

    path: str
    owed: str | int
    about: str
    word: str = ""
    unmet: str = ""


VECTORS: Final = (
    # RFC 4475 section 3.1.1 (Valid Messages)
    Vector("rfc4475/wsinv.dat", ACCEPT, "folds, blanks and compact names wherever the grammar allows them"),
    Vector("rfc4475/intmeth.dat", ACCEPT, "every character a method, user or token may have; later: 405"),
    Vector("rfc4475/esc01.dat", ACCEPT, "escapes in URIs"),
    Vector("rfc4475/escnull.dat", ACCEPT, "escaped NULs in URIs; later: 405, a REGISTER"),
    Vector("rfc4475/esc02.dat", ACCEPT, "percent signs that escape nothing, in method and names; later: 405"),
    Vector("rfc4475/lwsdisp.dat", ACCEPT, "no blank between display name and bracket"),
    Vector("rfc4475/longreq.dat", ACCEPT, "long values, 35 Via lines"),
    Vector("rfc4475/dblreq.dat", ACCEPT, "a second message behind the first in one datagram: ignored"),
    Vector("rfc4475/semiuri.dat", ACCEPT, "semicolon in the user part"),
    Vector("rfc4475/transports.dat", ACCEPT, "unknown transports in Via"),
    Vector("rfc4475/mpart01.dat", ACCEPT, "a multipart body with binary parts; later: 405, a MESSAGE"),
    Vector("rfc4475/unreason.dat", ACCEPT, "a reason phrase in UTF-8"),
    Vector("rfc4475/noreason.dat", ACCEPT, "an empty reason phrase"),
    # RFC 4475 section 3.1.2 (Invalid Messages)
    Vector("rfc4475/badinv01.dat", 400, "extra separators in Via and Contact", word="Via"),
    Vector("rfc4475/clerr.dat", 400, "Content-Length beyond the datagram", word="content-length 9999"),
    Vector("rfc4475/ncl.dat", 400, "negative Content-Length", word="-999"),
    Vector("rfc4475/scalar02.dat", 400, "scalars out of range; CSeq decides", word="CSeq"),
    Vector("rfc4475/scalarlg.dat", DROP, "scalars out of range in a response", word="CSeq"),
    Vector("rfc4475/quotbal.dat", 400, "display name without closing quote", word="quote"),
    Vector("rfc4475/ltgtruri.dat", 400, "Request-URI in angle brackets", word="request-uri"),
    Vector("rfc4475/lwsruri.dat", 400, "blank in the Request-URI (may be refused)", word="request line"),
    Vector("rfc4475/lwsstart.dat", 400, "two blanks in the request line (may be refused)", word="request line"),
    Vector("rfc4475/trws.dat", 400, "blanks after the version (may be refused)", word="request line"),
    Vector("rfc4475/escruri.dat", 400, "headers in the Request-URI (may be refused)", word="headers"),
    Vector("rfc4475/baddate.dat", ACCEPT, "a Date that is not GMT; not to be refused by who does not use it"),
    Vector(
        "rfc4475/regbadct.dat", ACCEPT, "a Contact that lacks brackets, in a REGISTER; later: 405 whatever it holds"
    ),
    Vector("rfc4475/badaspec.dat", ACCEPT, "blanks inside angle brackets (may be taken)"),
    Vector("rfc4475/baddn.dat", ACCEPT, "comma in an unquoted display name (may be taken)"),
    Vector("rfc4475/badvers.dat", 505, "SIP/7.0", word="SIP/7.0"),
    Vector("rfc4475/mismatch01.dat", 400, "CSeq of another method", word="CSeq"),
    Vector("rfc4475/mismatch02.dat", 400, "CSeq of another method, unknown method (400 or 501)", word="CSeq"),
    Vector("rfc4475/bigcode.dat", DROP, "a status of more than 32 bits", word="4294967301"),
    # RFC 4475 section 3.2 (Transaction Layer Semantics)
    Vector("rfc4475/badbranch.dat", 400, "a branch that is the cookie alone (may be refused)", word="branch"),
    # RFC 4475 section 3.3 (Application-Layer Semantics)
    Vector("rfc4475/insuf.dat", 400, "no Call-ID, From and To", word="Call-ID"),
    Vector("rfc4475/unkscm.dat", 416, "unknown scheme in the Request-URI", word="scheme"),
    Vector("rfc4475/novelsc.dat", 416, "known scheme of another protocol in the Request-URI", word="scheme"),
    Vector("rfc4475/unksm2.dat", ACCEPT, "unknown schemes in To, From and Contact; later: 405, a REGISTER"),
    Vector("rfc4475/bext01.dat", 420, "unknown option tags in Require", word="nothingSupportsThisEither"),
    Vector("rfc4475/invut.dat", ACCEPT, "unknown body type; later: 415, when the offer is looked at"),
    Vector("rfc4475/regaut01.dat", ACCEPT, "unknown authorization scheme; later: 405, a REGISTER"),
    Vector("rfc4475/multi01.dat", 400, "single headers twice, with different values", word="2 times"),
    Vector("rfc4475/mcl01.dat", 400, "Content-Length twice", word="content-length stands 2 times"),
    Vector("rfc4475/bcast.dat", DROP, "a response whose second Via is a broadcast address", word="Via"),
    Vector("rfc4475/zeromf.dat", ACCEPT, "Max-Forwards 0, arrived: served like any other"),
    Vector("rfc4475/cparam01.dat", ACCEPT, "unknown Contact parameter; later: 405, a REGISTER"),
    Vector("rfc4475/cparam02.dat", ACCEPT, "unknown URI parameter in Contact; later: 405, a REGISTER"),
    Vector("rfc4475/regescrt.dat", ACCEPT, "headers in a Contact's URI; later: 405, a REGISTER"),
    Vector("rfc4475/sdp01.dat", ACCEPT, "Accept without SDP; later: 406 would be allowed"),
    # RFC 4475 section 3.4 (Backward Compatibility)
    Vector("rfc4475/inv2543.dat", 400, "of RFC 2543: without Contact no dialog can be kept", word="Contact"),
    # RFC 5118 section 4 (SIP and IPv6 Torture Test Cases)
    Vector("rfc5118/ipv6-good.dat", ACCEPT, "IPv6 reference in the Request-URI; later: 405, a REGISTER"),
    Vector("rfc5118/ipv6-bad.dat", 400, "IPv6 address without brackets in the Request-URI", word="port"),
    Vector("rfc5118/port-ambiguous.dat", ACCEPT, "the port inside the brackets is part of the address"),
    Vector("rfc5118/port-unambiguous.dat", ACCEPT, "the port behind the brackets"),
    Vector("rfc5118/via-received-param-with-delim.dat", ACCEPT, "brackets in received; later: 481, a BYE"),
    Vector("rfc5118/via-received-param-no-delim.dat", ACCEPT, "no brackets in received"),
    Vector("rfc5118/mult-ip-in-header.dat", ACCEPT, "IPv4 and IPv6 hops; later: 481, a BYE"),
    Vector("rfc5118/ipv6-in-sdp.dat", ACCEPT, "IPv6 in SDP"),
    Vector("rfc5118/mult-ip-in-sdp.dat", ACCEPT, "IPv4 and IPv6 in SDP"),
    Vector("rfc5118/ipv4-mapped-ipv6.dat", ACCEPT, "IPv4-mapped addresses"),
    Vector("rfc5118/ipv6-bug-abnf-3-colons.dat", ACCEPT, "three colons, out of a faulty grammar; should be taken"),
    Vector("rfc5118/ipv6-correct-abnf-2-colons.dat", ACCEPT, "two colons before an IPv4 tail"),
)
