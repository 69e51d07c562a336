"""What callers say to prove themselves: the value of an Authorization header."""

from callgate.core.sip.digest import expected_response, parse_credentials, secret_hash, write_credentials
from callgate.core.sip.errors import ParseError


def check(data: bytes) -> None:
    """Nothing but `ParseError`; what was read and is written reads the same, in one line; any of it can be judged."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        credentials = parse_credentials(text)
    except ParseError as error:
        assert error.reason
        return
    if credentials is None:
        return  # of another scheme
    written = write_credentials(credentials)
    assert parse_credentials(written) == credentials, (text, written)
    secret = secret_hash(credentials.algorithm, "alice", "callgate", "a password")
    assert len(expected_response(secret, "INVITE", credentials)) in (32, 64)


if __name__ == "__main__":
    from tests.fuzz.running import run

    run("sip_digest")
