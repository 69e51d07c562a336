"""What the fallback handler is asked about an attempt, and who the caller says it is."""

from typing import Final

from callgate.core.admission.policy import SOURCE_HEADER
from callgate.core.sip.uri import dialled_user, uri_host
from callgate.entities.attempt import Attempt
from callgate.entities.json import JsonObject

# Beyond `X-` headers, those that say on whose behalf a call comes.
_IDENTITY_HEADERS: Final = frozenset(("p-asserted-identity", "diversion", "history-info"))

# RFC 3261 section 8.1.1.3 (From) and RFC 3323 section 4.1.1.3 (From): how a caller without a name is written.
_ANONYMOUS_HOST: Final = "anonymous.invalid"
_ANONYMOUS_USERS: Final = frozenset(("anonymous", "unavailable", "unknown", "restricted"))


def question_body(attempt: Attempt, *, trust_asserted_identity: bool = True) -> JsonObject:
    """The body that the fallback handler is sent, in the public JSON."""
    return {
        "callerId": caller_id(attempt, trust_asserted_identity),
        "fromDisplayName": attempt.from_display_name,
        "fromUri": attempt.from_uri,
        "toUri": attempt.to_uri or None,
        "sipHeaders": dict(sip_headers(attempt)),
    }


def sip_headers(attempt: Attempt) -> dict[str, str]:
    """The ``X-`` and identity headers, names as they first came, several values joined by ``, ``."""
    names: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in attempt.headers:
        key = name.lower()
        if (key.startswith("x-") and key != SOURCE_HEADER) or key in _IDENTITY_HEADERS:
            names.setdefault(key, name)
            values.setdefault(key, []).append(value)
    return {name: ", ".join(values[key]) for key, name in names.items()}


def caller_id(attempt: Attempt, trust_asserted_identity: bool = True) -> str | None:
    """Who calls: the user of P-Asserted-Identity where that is believed, else of From; ``None`` when anonymous."""
    if trust_asserted_identity:
        for name, value in attempt.headers:
            if name.lower() == "p-asserted-identity":
                user = _identity(_address(value))
                if user is not None:
                    return user
    return _identity(attempt.from_uri)


def _address(value: str) -> str:
    """The first URI of a P-Asserted-Identity. RFC 3325 section 9.1 (The P-Asserted-Identity Header)."""
    rest = value.strip()
    if rest.startswith('"'):  # a display name may hold any character, `<` and `,` among them
        index = 1
        while index < len(rest) and rest[index] != '"':
            index += 2 if rest[index] == "\\" else 1
        rest = rest[index + 1 :]
    before, bracket, after = rest.partition("<")
    return after.partition(">")[0].strip() if bracket and "," not in before else before.split(",")[0].strip()


def _identity(uri: str | None) -> str | None:
    if uri is None:
        return None
    user = dialled_user(uri)
    host = uri_host(uri)
    if user is None or user.lower() in _ANONYMOUS_USERS or (host is not None and host.lower() == _ANONYMOUS_HOST):
        return None
    return user or None
