from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.challenge import Challenge, Login, answer_challenge, authorization, read_challenge
from callgate.core.sip.digest import expected_response, parse_credentials, secret_hash, write_challenge
from callgate.core.sip.errors import ParseError

MUFASA = Login("Mufasa", "Circle of Life")
OPAQUE = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
ASKED = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    f'nonce="{NONCE}", opaque="{OPAQUE}"'
)
ALICE = Login("alice", "secret")


def answered(value: str, status: int = 401, login: Login = ALICE) -> tuple[str, str] | None:
    names = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
    headers = [(names.get(status, "X"), value)]
    return authorization(status, headers, login, method="INVITE", uri="sip:demo@x", cnonce="c")


@pytest.mark.rfc("7616", "3.9.1", "Example with SHA-256 and MD5")
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard(algorithm: str, response: str) -> None:
    challenge = read_challenge(ASKED.format(algorithm=algorithm))
    assert challenge == Challenge("http-auth@example.org", NONCE, algorithm, OPAQUE, counted=True)
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    value = answer_challenge(challenge, MUFASA, method="GET", uri="/dir/index.html", cnonce=cnonce)
    assert value.endswith(f', opaque="{OPAQUE}", response="{response}"')
    assert f"algorithm={algorithm}, " in value
    assert ", nc=00000001, qop=auth, " in value
    credentials = parse_credentials(value)
    assert credentials is not None
    assert credentials.response == response


def test_a_peer_from_before_qop() -> None:
    found = answered('Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    assert found is not None
    assert found[0] == "Authorization"
    assert "qop" not in found[1]
    assert "algorithm" not in found[1]
    # MD5 of MD5(alice:testrealm@host.com:secret) : nonce : MD5(INVITE:sip:demo@x)
    assert found[1].endswith('response="1df5bf7d1408c5e5855233024365ee50"')


def test_a_challenge_of_ours_is_answered_as_we_check_it() -> None:
    found = answered(write_challenge(realm='a "b"', nonce="n", algorithm="SHA-256", stale=False), 407)
    assert found is not None
    assert found[0] == "Proxy-Authorization"
    credentials = parse_credentials(found[1])
    assert credentials is not None
    secret = secret_hash("SHA-256", "alice", 'a "b"', "secret")
    assert credentials.response == expected_response(secret, "INVITE", credentials)
    assert "secret" not in found[1]


@pytest.mark.rfc("8760", "2.4", "UAC Behavior")
def test_of_several_the_first_that_is_understood_counts() -> None:
    values = ('Digest realm="r", nonce="1", algorithm=SHA-512-256', "Basic realm=r", "Digest nonsense")
    last = 'Digest realm="r", nonce="4", algorithm=SHA-256, qop="auth"'
    headers = [("www-authenticate", value) for value in (*values, last, 'Digest realm="r", nonce="5"')]
    found = authorization(401, headers, ALICE, method="INVITE", uri="sip:x", cnonce="c")
    assert found is not None
    assert 'nonce="4"' in found[1]


@pytest.mark.parametrize(
    "value",
    [
        "Basic realm=r",
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=MD5-sess',
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r", nonce="' + "n" * 3_000 + '"',
    ],
)
def test_what_cannot_be_answered_is_not(value: str) -> None:
    assert answered(value) is None


def test_other_refusals_are_no_challenges() -> None:
    assert answered('Digest realm="r", nonce="n"', 403) is None


def test_a_login_shows_no_password() -> None:
    assert "secret" not in repr(ALICE)


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(ParseError):
        read_challenge(f"Digest {text}")


_SAFE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@given(realm=_SAFE, nonce=_SAFE, opaque=st.none() | _SAFE, username=_SAFE)
def test_any_realm_and_name_survive(realm: str, nonce: str, opaque: str | None, username: str) -> None:
    challenge = Challenge(realm, nonce, "MD5", opaque, counted=True)
    value = answer_challenge(challenge, Login(username, "p"), method="INVITE", uri="sip:x", cnonce="c")
    credentials = parse_credentials(value)
    assert credentials is not None
    assert (credentials.realm, credentials.nonce, credentials.username) == (realm, nonce, username)
    secret = secret_hash("MD5", username, realm, "p")
    assert credentials.response == expected_response(secret, "INVITE", credentials)
