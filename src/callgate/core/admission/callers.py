"""Callers that prove themselves: whose credentials are right, and what those without are asked for."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from callgate.core.sip.digest import Credentials, expected_response, parse_credentials, secret_hash, write_challenge
from callgate.core.sip.errors import ParseError
from callgate.core.sip.nonce import Nonces
from callgate.entities.attempt import Attempt, Proof

_METHOD: Final = "INVITE"
# What tells one request from another, and a copy from neither.
_ABOUT: Final = frozenset(("via", "call-id", "from", "cseq"))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may call from anywhere.

    Attributes:
        username: unique in the deployment.
        account_id: whose agents it reaches.
        secrets: `secret_hash` of its password, by algorithm.
    """

    username: str
    account_id: str
    secrets: Mapping[str, str] = field(repr=False)


def caller(username: str, account_id: str, password: str, *, realm: str, algorithms: Sequence[str]) -> Caller:
    """A caller of whom nothing but hashes of its password is kept."""
    return Caller(username, account_id, {name: secret_hash(name, username, realm, password) for name in algorithms})


class CallerProofs:
    """Challenges, and what comes of them.

    Args:
        callers: all of the deployment.
        realm: of every challenge: one for all, since its name must not tell a stranger which accounts there are.
        algorithms: keys of `digest.ALGORITHMS`, in the order of the challenges.
        nonce_s: how long a challenge may be answered.
        secret: of this process.
    """

    def __init__(
        self, callers: Sequence[Caller], *, realm: str, algorithms: Sequence[str], nonce_s: float, secret: bytes
    ) -> None:
        self._callers = {one.username: one for one in callers}
        self._realm = realm
        self._algorithms = tuple(algorithms)
        self._nonces = Nonces(secret, life_s=nonce_s)
        # Checked for usernames that nobody has, so that these take the same time as wrong passwords.
        self._nobody = hmac.new(secret, b"nobody", hashlib.sha256).hexdigest()

    def look(self, attempt: Attempt, source: str, now: float) -> Proof:
        """What the credentials of an attempt are worth. They count once: a second look finds them stale.

        Args:
            attempt: an INVITE.
            source: whose address it counts as.
            now: seconds on a clock that never goes back.
        """
        try:
            credentials = self._credentials(attempt)
        except ParseError as error:
            return Proof("wrong", reason=error.reason)
        if credentials is None:
            return Proof("missing")
        username = credentials.username
        if credentials.algorithm not in self._algorithms:
            return Proof("wrong", username, reason=f"{credentials.algorithm} was not offered")
        known = self._callers.get(username)
        secret = self._nobody if known is None else known.secrets[credentials.algorithm]
        expected = expected_response(secret, _METHOD, credentials)
        if not hmac.compare_digest(expected, credentials.response) or known is None:
            return Proof("wrong", username, reason="no caller has this username" if known is None else "the password")
        if not self._nonces.use(credentials.nonce, source, int(credentials.count, 16), now):
            return Proof("stale", username)
        return Proof("proved", username, known.account_id)

    def challenges(self, attempt: Attempt, source: str, now: float, *, stale: bool) -> tuple[tuple[str, str], ...]:
        """The headers of a 401, one for each algorithm; copies of an INVITE get the same."""
        about = "\n".join(value for name, value in attempt.headers if name.lower() in _ABOUT)
        nonce = self._nonces.make(about.encode("utf-8", "surrogateescape"), source, now)
        return tuple(
            ("WWW-Authenticate", write_challenge(realm=self._realm, nonce=nonce, algorithm=algorithm, stale=stale))
            for algorithm in self._algorithms
        )

    def _credentials(self, attempt: Attempt) -> Credentials | None:
        """The credentials for our realm: the others of a request are for others.

        Raises:
            ParseError: those that could be ours cannot be read.
        """
        problem: ParseError | None = None
        for name, value in attempt.headers:
            if name.lower() != "authorization":
                continue
            try:
                found = parse_credentials(value)
            except ParseError as error:
                problem = error
                continue
            if found is not None and found.realm == self._realm:
                return found
        if problem is not None:
            raise problem
        return None
