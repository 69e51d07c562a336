"""Digest: callers that prove to know a password without saying it.

RFC 3261 section 22 (Usage of HTTP Authentication), RFC 7616 (HTTP Digest Access Authentication) and RFC 8760 (The
Session Initiation Protocol (SIP) Digest Access Authentication Scheme). Quality of protection is `auth` and nothing
else: without it there is no count by which a replay is known.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.parameters import quote, unquote

ALGORITHMS: Final[dict[str, Callable[[bytes], Any]]] = {
    # RFC 8760 section 2.1 (Hash Algorithms). MD5 is what most phones know; here it only has to resist being guessed.
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
}

CREDENTIALS_CHARS_MAX: Final = 2_048
"""Those of phones have 250 to 400; a long username and URI add a few hundred."""

_USERNAME_CHARS_MAX: Final = 256
_SCHEME: Final = re.compile(r"digest[ \t]+", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    r"""[ \t]*(?P<name>[A-Za-z0-9\-.!%*_+`'~]+)[ \t]*=[ \t]*
    (?P<value>"(?:[^"\\]|\\.)*"|[^\x00-\x20\x7f,"]+)[ \t]*(?:,|$)""",
    re.VERBOSE | re.DOTALL,
)
_COUNT: Final = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-fA-F]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The value of an Authorization header, RFC 7616 section 3.4 (The Authorization Header Field).

    Attributes:
        username: unquoted.
        realm: likewise.
        nonce: likewise, as the challenge said it.
        uri: likewise, what was asked for.
        algorithm: a key of `ALGORITHMS`.
        cnonce: of the client, unquoted.
        count: how often the client has used the nonce, this time included: the eight digits as they came.
        response: the proof, lower-case hex.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    algorithm: str
    cnonce: str
    count: str
    response: str


def write_challenge(*, realm: str, nonce: str, algorithm: str, stale: bool) -> str:
    """The value of a WWW-Authenticate header.

    Args:
        realm: what the password is for; shown to people.
        nonce: to be hashed with it.
        algorithm: a key of `ALGORITHMS`.
        stale: whether the credentials were right, but for a nonce that is not good any more.
    """
    stale_text = ", stale=true" if stale else ""
    return f'Digest realm={quote(realm)}, nonce={quote(nonce)}, algorithm={algorithm}, qop="auth"{stale_text}'


def parse_credentials(value: str) -> Credentials | None:
    """Read the value of an Authorization header; ``None`` when its scheme is another.

    Raises:
        ParseError: it is no digest that can be checked.
    """
    scheme = _SCHEME.match(value)
    if scheme is None:
        return None
    if len(value) > CREDENTIALS_CHARS_MAX:
        raise ParseError(f"credentials over {CREDENTIALS_CHARS_MAX} characters: {len(value)}")
    given = digest_parameters(value, scheme.end())
    missing = [name for name in ("username", "realm", "nonce", "uri", "response") if name not in given]
    if missing:
        raise ParseError(f"credentials without {', '.join(missing)}")
    if given.get("qop") != "auth" or "cnonce" not in given:
        raise ParseError("credentials without qop=auth and cnonce, which were asked for")
    if given.get("userhash", "false").lower() != "false":
        raise ParseError("credentials with a hashed username, which was not asked for")
    algorithm = given.get("algorithm", "MD5").upper()
    if algorithm not in ALGORITHMS:
        raise ParseError(f"algorithm is none of {', '.join(ALGORITHMS)}: {algorithm[:40]!r}")
    count, response = given.get("nc", ""), given["response"]
    if not _COUNT.fullmatch(count):
        raise ParseError(f"nc is not eight hexadecimal digits: {count[:40]!r}")
    if not _HEX.fullmatch(response):
        raise ParseError("response is not hexadecimal")
    if len(given["username"]) > _USERNAME_CHARS_MAX:
        raise ParseError(f"username over {_USERNAME_CHARS_MAX} characters")
    return Credentials(
        username=given["username"],
        realm=given["realm"],
        nonce=given["nonce"],
        uri=given["uri"],
        algorithm=algorithm,
        cnonce=given["cnonce"],
        count=count,
        response=response.lower(),
    )


def write_credentials(credentials: Credentials) -> str:
    """The twin of `parse_credentials`."""
    return (
        f"Digest username={quote(credentials.username)}, realm={quote(credentials.realm)}, "
        f"nonce={quote(credentials.nonce)}, uri={quote(credentials.uri)}, algorithm={credentials.algorithm}, "
        f'cnonce={quote(credentials.cnonce)}, nc={credentials.count}, qop=auth, response="{credentials.response}"'
    )


def secret_hash(algorithm: str, username: str, realm: str, password: str) -> str:
    """What a password comes to: H(A1) of RFC 7616 section 3.4.2 (A1), lower-case hex. As secret as the password."""
    return hashed(algorithm, f"{username}:{realm}:{password}")


def expected_response(secret: str, method: str, credentials: Credentials) -> str:
    """The proof that these credentials should hold, RFC 7616 section 3.4.1 (Response).

    Args:
        secret: the caller's `secret_hash` with their algorithm.
        method: of the request.
        credentials: all but their response count.
    """
    request = hashed(credentials.algorithm, f"{method}:{credentials.uri}")
    return hashed(
        credentials.algorithm,
        f"{secret}:{credentials.nonce}:{credentials.count}:{credentials.cnonce}:auth:{request}",
    )


def hashed(algorithm: str, text: str) -> str:
    """A digest of text, lower-case hex; `algorithm` is a key of `ALGORITHMS`."""
    return str(ALGORITHMS[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest())


def digest_parameters(value: str, position: int) -> dict[str, str]:
    """The parameters of a challenge or of credentials from `position` on, unquoted, by their names in lower case.

    Raises:
        ParseError: they are none, or one stands twice.
    """
    given: dict[str, str] = {}
    while position < len(value):
        found = _PARAMETER.match(value, position)
        if found is None:
            raise ParseError("credentials are not name=value, name=value …")
        name = found["name"].lower()
        if name in given:
            raise ParseError(f"parameter of the credentials stands twice: {name[:40]}")
        given[name] = unquote(found["value"])
        position = found.end()
    return given
