"""Challenges that calls of ours meet: read, and answered with a username and a password.

RFC 3261 section 22 (Usage of HTTP Authentication), RFC 7616 (HTTP Digest Access Authentication). `digest` has the other
side, where callers of ours prove themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from callgate.core.sip.digest import ALGORITHMS, CREDENTIALS_CHARS_MAX, digest_parameters, hashed, secret_hash
from callgate.core.sip.errors import ParseError
from callgate.core.sip.parameters import quote

CREDENTIAL_CHARS_MAX: Final = 256
"""Of a username and of a password: those of carriers have 8 to 64."""

_SCHEME: Final = re.compile(r"digest[ \t]+", re.IGNORECASE)
_FIRST_USE: Final = "00000001"  # a nonce of a peer is used once by us
# Which header a status brings its challenges in, and which one takes the answer: RFC 3261 section 22.3 (Proxy-to-User
# Authentication).
_HEADERS: Final = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}


@dataclass(frozen=True, slots=True)
class Login:
    """What we may prove to know.

    Attributes:
        username: as the peer knows us.
        password: told to nobody: what goes out is a hash with it, and no text of this object has it.
    """

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The value of a WWW-Authenticate or Proxy-Authenticate header.

    Attributes:
        realm: unquoted.
        nonce: likewise.
        algorithm: as the peer wrote it; empty: it named none, which is MD5.
        opaque: unquoted; ``None`` when absent.
        counted: whether it offers ``qop=auth``; peers from before RFC 2617 offer none.
    """

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    counted: bool


def read_challenge(value: str) -> Challenge | None:
    """Read a challenge; ``None`` when we could not answer it: another scheme, algorithm or protection.

    Raises:
        ParseError: it is no challenge.
    """
    scheme = _SCHEME.match(value)
    if scheme is None:
        return None
    if len(value) > CREDENTIALS_CHARS_MAX:
        raise ParseError(f"a challenge over {CREDENTIALS_CHARS_MAX} characters: {len(value)}")
    given = digest_parameters(value, scheme.end())
    missing = [name for name in ("realm", "nonce") if name not in given]
    if missing:
        raise ParseError(f"a challenge without {', '.join(missing)}")
    algorithm, offered = given.get("algorithm", ""), given.get("qop")
    if (algorithm or "MD5").upper() not in ALGORITHMS:
        return None
    if offered is not None and "auth" not in [one.strip().lower() for one in offered.split(",")]:
        return None
    return Challenge(given["realm"], given["nonce"], algorithm, given.get("opaque"), offered is not None)


def answer_challenge(challenge: Challenge, login: Login, *, method: str, uri: str, cnonce: str) -> str:
    """The value of an Authorization header.

    Args:
        challenge: of the peer.
        login: ours.
        method: of the request.
        uri: its Request-URI.
        cnonce: of our own choice, by chance.
    """
    algorithm = (challenge.algorithm or "MD5").upper()
    secret = secret_hash(algorithm, login.username, challenge.realm, login.password)
    request = hashed(algorithm, f"{method}:{uri}")
    parts = [
        f"username={quote(login.username)}",
        f"realm={quote(challenge.realm)}",
        f"nonce={quote(challenge.nonce)}",
        f"uri={quote(uri)}",
    ]
    if challenge.algorithm:
        parts.append(f"algorithm={challenge.algorithm}")
    if challenge.counted:
        response = hashed(algorithm, f"{secret}:{challenge.nonce}:{_FIRST_USE}:{cnonce}:auth:{request}")
        parts += [f"cnonce={quote(cnonce)}", f"nc={_FIRST_USE}", "qop=auth"]
    else:
        response = hashed(algorithm, f"{secret}:{challenge.nonce}:{request}")
    if challenge.opaque is not None:
        parts.append(f"opaque={quote(challenge.opaque)}")
    return f'Digest {", ".join(parts)}, response="{response}"'


def authorization(
    status: int, headers: Sequence[tuple[str, str]], login: Login, *, method: str, uri: str, cnonce: str
) -> tuple[str, str] | None:
    """The header that answers a 401 or 407; ``None`` when none can.

    Of several challenges the first that we understand: RFC 8760 section 2.4 has peers write them in their order.
    """
    if status not in _HEADERS:
        return None
    asked_in, answered_in = _HEADERS[status]
    for name, value in headers:
        if name.lower() != asked_in:
            continue
        try:
            challenge = read_challenge(value)
        except ParseError:
            continue
        if challenge is not None:
            return answered_in, answer_challenge(challenge, login, method=method, uri=uri, cnonce=cnonce)
    return None
