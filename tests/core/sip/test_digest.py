from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.digest import (
    ALGORITHMS,
    CREDENTIALS_CHARS_MAX,
    Credentials,
    expected_response,
    parse_credentials,
    secret_hash,
    write_challenge,
    write_credentials,
)
from callgate.core.sip.errors import ParseError

# The example of RFC 7616 section 3.9.1 (Example with SHA-256 and MD5).
REALM = "http-auth@example.org"
MUFASA = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{response}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.rfc("7616", "3.9.1", "Example with SHA-256 and MD5")
@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_the_standard(algorithm: str, response: str) -> None:
    credentials = parse_credentials(MUFASA.format(algorithm=algorithm, response=response))
    assert credentials is not None
    assert (credentials.username, credentials.realm, credentials.count) == ("Mufasa", REALM, "00000001")
    secret = secret_hash(algorithm, "Mufasa", REALM, "Circle of Life")
    assert expected_response(secret, "GET", credentials) == credentials.response == response
    assert expected_response(secret, "PUT", credentials) != response
    wrong = secret_hash(algorithm, "Mufasa", REALM, "circle of life")
    assert expected_response(wrong, "GET", credentials) != response


def test_a_challenge_says_what_is_wanted() -> None:
    assert (
        write_challenge(realm='a "b"', nonce="n", algorithm="SHA-256", stale=True)
        == 'Digest realm="a \\"b\\"", nonce="n", algorithm=SHA-256, qop="auth", stale=true'
    )
    assert "stale" not in write_challenge(realm="a", nonce="n", algorithm="MD5", stale=False)


GIVEN = Credentials("alice", "callgate", "n", "sip:demo@x", "MD5", "c", "00000001", "ab")


def test_as_clients_write_it() -> None:
    """Some quote what needs no quotes, leave the algorithm out, put blanks anywhere or write in capitals."""
    for text in (
        'Digest username="alice",realm="callgate",nonce="n",uri="sip:demo@x",response="AB",cnonce="c",nc=00000001,'
        "qop=auth",
        'digest  username = "alice" , realm="callgate", nonce=n, uri=sip:demo@x, response=ab, cnonce="c", '
        'nc="00000001", qop="auth", algorithm="md5"',
        'DIGEST USERNAME="alice", Realm="callgate", nonce="n", uri="sip:demo@x", response="ab", algorithm=MD5, '
        'cnonce="c", qop=auth, nc=00000001, opaque="", x=y',
    ):
        assert parse_credentials(text) == GIVEN


@pytest.mark.parametrize("value", ["Basic YTpi", "Digest", "", "NTLM x", 'Digestive username="a"'])
def test_other_schemes(value: str) -> None:
    assert parse_credentials(value) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("nonce=n, ", "without nonce"),
        ("qop=auth, ", "without qop=auth"),
        ('cnonce="c", ', "without qop=auth and cnonce"),
        ("nc=00000001, ", "nc is not eight"),
    ],
)
def test_what_is_missing_is_said(changed: str, words: str) -> None:
    text = write_credentials(GIVEN).replace('nonce="n"', "nonce=n")
    assert parse_credentials(text) == GIVEN
    with pytest.raises(ParseError, match=words):
        parse_credentials(text.replace(changed, "", 1) if changed != "nonce=n, " else text.replace(" nonce=n,", ""))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("username=b", "stands twice: username"),
        ("userhash=true", "hashed username"),
        ("x", "not name=value"),
        ('x="', "not name=value"),
        ("x=,y=z", "not name=value"),
    ],
)
def test_what_is_wrong_is_said(more: str, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        parse_credentials(f"{write_credentials(GIVEN)}, {more}")


@pytest.mark.parametrize(
    ("credentials", "words"),
    [
        (replace(GIVEN, algorithm="MD5-sess"), "algorithm is none of MD5, SHA-256"),
        (replace(GIVEN, count="1"), "nc is not eight"),
        (replace(GIVEN, count="0000000g"), "nc is not eight"),
        (replace(GIVEN, response="xyz"), "not hexadecimal"),
        (replace(GIVEN, username="a" * 257), "username over"),
        (replace(GIVEN, cnonce="c" * CREDENTIALS_CHARS_MAX), "credentials over"),
    ],
)
def test_values_that_cannot_be_checked(credentials: Credentials, words: str) -> None:
    with pytest.raises(ParseError, match=words):
        parse_credentials(write_credentials(credentials))


# What is no UTF-8 comes as surrogate escapes, and anything but a NUL or a line end may be quoted.
TEXTS = st.text(st.characters(exclude_categories=(), exclude_characters="\r\n\0"), max_size=40).filter(
    lambda text: not any(0xD800 <= ord(c) < 0xDC80 or 0xDCFF < ord(c) < 0xE000 for c in text)
)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.sampled_from(sorted(ALGORITHMS)), TEXTS, st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(
    username: str, realm: str, nonce: str, uri: str, algorithm: str, cnonce: str, count: int
) -> None:
    credentials = Credentials(username, realm, nonce, uri, algorithm, cnonce, f"{count:08x}", "00")
    credentials = replace(
        credentials, response=expected_response(secret_hash(algorithm, username, realm, "p"), "INVITE", credentials)
    )
    assert parse_credentials(write_credentials(credentials)) == credentials


PIECES = [
    "Digest ",
    "username",
    "nonce",
    "=",
    '"',
    "\\",
    ",",
    " ",
    "\t",
    "qop=auth",
    "nc=00000001",
    "é",
    "\udcff",
    "\0",
    ";",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30))
def test_anything_is_read_or_refused_in_words(pieces: list[str]) -> None:
    with suppress(ParseError):
        parse_credentials("Digest " + "".join(pieces))


@given(st.text(max_size=12), st.integers(0, 500))
def test_real_credentials_with_a_wound_are_read_or_refused_in_words(wound: str, at: int) -> None:
    text = write_credentials(GIVEN)
    with suppress(ParseError):
        parse_credentials(text[:at] + wound + text[at + len(wound) :])


def test_much_of_anything_is_refused_at_once() -> None:
    for text in ('a="' * 600, "a=b," * 500, '"' * 2_000, 'a="' + "\\" * 1_900, " " * 2_000):
        with pytest.raises(ParseError):
            parse_credentials("Digest " + text)
