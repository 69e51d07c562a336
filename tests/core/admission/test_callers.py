from dataclasses import replace

import pytest

from callgate.core.admission.callers import CallerProofs, caller
from callgate.core.sip.digest import (
    Credentials,
    expected_response,
    secret_hash,
    write_credentials,
)
from callgate.entities.attempt import Attempt
from tests.core.admission.rules import INVITE

PASSWORD = "correct horse battery"
REALM = "callgate"
SOURCE = "198.51.100.9"
ALGORITHMS = ("MD5", "SHA-256")


def proofs(algorithms: tuple[str, ...] = ALGORITHMS) -> CallerProofs:
    alice = caller("alice", "acc", PASSWORD, realm=REALM, algorithms=algorithms)
    return CallerProofs([alice], realm=REALM, algorithms=algorithms, nonce_s=60, secret=b"secret")


def challenged(ours: CallerProofs, attempt: Attempt = INVITE, now: float = 0.0) -> str:
    """The nonce of a challenge."""
    value = ours.challenges(attempt, SOURCE, now, stale=False)[0][1]
    return value.partition('nonce="')[2].partition('"')[0]


def proving(nonce: str, **more: str) -> Attempt:
    """An INVITE with credentials, as a phone would make them."""
    password, method = more.pop("password", PASSWORD), more.pop("method", "INVITE")
    given = Credentials("alice", REALM, nonce, INVITE.request_uri, "MD5", "c", "00000001", "00")
    given = replace(given, **more)
    secret = secret_hash(given.algorithm, given.username, given.realm, password)
    given = replace(given, response=more.get("response", expected_response(secret, method, given)))
    return replace(INVITE, headers=(*INVITE.headers, ("Authorization", write_credentials(given))))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_who_knows_the_password_has_proved_itself(algorithm: str) -> None:
    ours = proofs()
    proof = ours.look(proving(challenged(ours), algorithm=algorithm), SOURCE, 1.0)
    assert (proof.result, proof.username, proof.account_id) == ("proved", "alice", "acc")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"password": "wrong"}, "the password"),
        ({"username": "bob"}, "no caller has this username"),
        ({"method": "REGISTER"}, "the password"),
        ({"response": "00"}, "the password"),
    ],
)
def test_whoever_does_not_has_not_and_keeps_the_nonce_good(changed: dict[str, str], reason: str) -> None:
    ours = proofs()
    nonce = challenged(ours)
    proof = ours.look(proving(nonce, **changed), SOURCE, 1.0)
    assert (proof.result, proof.reason, proof.account_id) == ("wrong", reason, None)
    assert ours.look(proving(nonce), SOURCE, 1.0).result == "proved"


def test_an_algorithm_that_was_not_offered() -> None:
    ours = proofs(("SHA-256",))
    assert ours.look(proving(challenged(ours)), SOURCE, 1.0).reason == "MD5 was not offered"


def test_a_proof_counts_once_and_only_where_and_while_it_was_asked_for() -> None:
    ours = proofs()
    nonce = challenged(ours)
    assert ours.look(proving(nonce), SOURCE, 1.0).result == "proved"
    assert ours.look(proving(nonce), SOURCE, 1.0).result == "stale"
    assert ours.look(proving(nonce, count="00000002"), SOURCE, 1.0).result == "proved"
    assert ours.look(proving(nonce, count="00000003"), "198.51.100.8", 1.0).result == "stale"
    assert ours.look(proving(nonce, count="00000003"), SOURCE, 62.0).result == "stale"
    assert ours.look(proving("a nonce of somebody else"), SOURCE, 1.0).result == "stale"


def test_no_credentials_and_those_for_others_are_none() -> None:
    ours = proofs()
    assert ours.look(INVITE, SOURCE, 0.0).result == "missing"
    assert ours.look(proving("n", realm="elsewhere"), SOURCE, 0.0).result == "missing"
    basic = replace(INVITE, headers=(("Authorization", "Basic YTpi"),))
    assert ours.look(basic, SOURCE, 0.0).result == "missing"


def test_of_several_credentials_ours_count() -> None:
    ours = proofs()
    right = proving(challenged(ours))
    others = (("authorization", "Digest nonsense"), *proving("n", realm="elsewhere").headers)
    assert ours.look(replace(right, headers=(*others, *right.headers)), SOURCE, 0.0).result == "proved"
    alone = ours.look(replace(INVITE, headers=others), SOURCE, 0.0)
    assert (alone.result, alone.username) == ("wrong", None)
    assert "name=value" in (alone.reason or "")


def test_challenges_are_for_one_request() -> None:
    ours = proofs()
    first = ours.challenges(INVITE, SOURCE, 0.0, stale=False)
    assert [value.count("algorithm=" + name) for (_, value), name in zip(first, ALGORITHMS, strict=True)] == [1, 1]
    assert ours.challenges(INVITE, SOURCE, 0.0, stale=False) == first
    other = replace(INVITE, headers=(*INVITE.headers, ("Call-ID", "other")))
    assert challenged(ours, other) != challenged(ours)
    assert all("stale=true" in value for _, value in ours.challenges(INVITE, SOURCE, 0.0, stale=True))


def test_passwords_are_not_shown() -> None:
    shown = repr(caller("alice", "acc", PASSWORD, realm=REALM, algorithms=ALGORITHMS))
    assert PASSWORD not in shown
    assert secret_hash("MD5", "alice", REALM, PASSWORD) not in shown
