"""Callers that prove themselves, over real sockets with the real gate behind them."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from callgate.calls.gate import GateLimits
from callgate.core.admission.callers import CallerProofs, caller
from callgate.core.sip.digest import Credentials, expected_response, secret_hash, write_credentials
from callgate.core.sip.message import Response
from callgate.core.sip.parse import parse
from callgate.signaling.udp import UdpTransport
from tests.calls.stage import ACCOUNT, OFFER, Stage
from tests.signaling.conftest import T1_S
from tests.signaling.front import ADMITTED, SCANNERS, Front, answered
from tests.signaling.wire import Caller
from tests.signaling.work import calls_of

PASSWORD = "correct horse battery"
ELSEWHERE = SCANNERS[0]


@pytest.fixture(params=["instead"])
async def front(request: pytest.FixtureRequest) -> AsyncIterator[Front]:
    alice = caller("alice", ACCOUNT, PASSWORD, realm="callgate", algorithms=("MD5", "SHA-256"))
    proofs = CallerProofs(
        [alice], realm="callgate", algorithms=("MD5", "SHA-256"), nonce_s=60, secret=b"secret of the test"
    )
    front = Front(Stage(limits=GateLimits(calls_max=1_000), caller_auth=request.param, proofs=proofs))
    front.stage.media.free = 1_000
    await front.open()
    yield front
    await front.close()
    assert front.warnings == []


def also(test: object) -> object:
    return pytest.mark.parametrize("front", ["also"], indirect=True)(test)


def nonce_of(challenge: Response) -> str:
    values = challenge.headers.all("WWW-Authenticate")
    assert [value.partition("algorithm=")[2].partition(",")[0] for value in values] == ["MD5", "SHA-256"]
    assert all(value.startswith('Digest realm="callgate", ') for value in values)
    return values[0].partition('nonce="')[2].partition('"')[0]


def proof(caller: Caller, nonce: str, **more: str) -> list[tuple[str, str]]:
    password = more.pop("password", PASSWORD)
    given = replace(Credentials("alice", "callgate", nonce, caller.target, "MD5", "c", "00000001", ""), **more)
    secret = secret_hash(given.algorithm, given.username, given.realm, password)
    given = replace(given, response=expected_response(secret, "INVITE", given))
    return [("Authorization", write_credentials(given))]


async def challenged(caller: Caller) -> Response:
    await caller.send("INVITE", to_tag="", body=OFFER)
    response = await caller.response()
    assert response.status == 401
    await caller.acknowledge_refusal()
    caller.to_tag = ""
    return response


async def tried(caller: Caller, nonce: str, **more: str) -> Response:
    await caller.send("INVITE", to_tag="", headers=proof(caller, nonce, **more), body=OFFER)
    response = await caller.response()
    caller.to_tag = ""
    return response


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_instead_a_stranger_that_proves_itself_gets_through(front: Front, algorithm: str) -> None:
    caller = front.caller(ELSEWHERE)
    challenge = await challenged(caller)
    assert front.endpoint.busy == (0, 0, 0)  # the challenge has kept nothing
    assert challenge.headers.get("Reason") is None
    assert (await tried(caller, nonce_of(challenge), algorithm=algorithm)).status == 100
    assert len(front.stage.registry) == 1
    first = front.stage.store.records[0]
    assert (first.outcome, first.status, first.attempt) == ("credentials-missing", 401, {})


async def test_the_record_of_a_call_names_who_proved_itself_and_keeps_no_proof(front: Front) -> None:
    caller = front.caller(ELSEWHERE)
    nonce = nonce_of(await challenged(caller))
    assert (await tried(caller, nonce)).status == 100
    await front.stage.settle()
    record = front.stage.store.records[-1]
    assert ("username", "alice") in [fact for entry in record.trace for fact in entry.facts]
    assert nonce not in repr(record)


async def test_instead_callers_in_a_range_are_not_asked(front: Front) -> None:
    assert await answered(front.caller(ADMITTED)) == 100


@also
async def test_also_callers_in_a_range_are_asked_with_a_transaction(front: Front) -> None:
    caller = front.caller(ADMITTED)
    challenge = await challenged(caller)
    assert "prove themselves" in (challenge.headers.get("Reason") or "")
    assert front.endpoint.busy[0] == 1
    wrong = await tried(caller, nonce_of(challenge), password="wrong")
    assert wrong.status == 401
    await caller.acknowledge_refusal()
    assert (await tried(caller, nonce_of(wrong))).status == 100


@also
async def test_also_strangers_are_not_challenged_whatever_they_prove(front: Front) -> None:
    inside, outside = front.caller(ADMITTED), front.caller(ELSEWHERE)
    refusal = await tried(outside, nonce_of(await challenged(inside)))
    assert (refusal.status, refusal.headers.get("WWW-Authenticate")) == (403, None)


@pytest.mark.parametrize("changed", [{"password": "wrong"}, {"username": "bob"}, {"realm": "elsewhere"}])
async def test_whoever_cannot_is_asked_again_and_again(front: Front, changed: dict[str, str]) -> None:
    caller = front.caller(ELSEWHERE)
    nonce = nonce_of(await challenged(caller))
    for _ in range(3):
        response = await tried(caller, nonce, **changed)
        assert response.status == 401
        assert "stale" not in (response.headers.get("WWW-Authenticate") or "")
        nonce = nonce_of(response)
    assert len(front.stage.registry) == 0


async def test_a_proof_cannot_be_replayed(front: Front) -> None:
    caller = front.caller(ELSEWHERE)
    nonce = nonce_of(await challenged(caller))
    assert (await tried(caller, nonce)).status == 100
    for replayer in (front.caller(ELSEWHERE), front.caller(SCANNERS[1])):
        response = await tried(replayer, nonce)
        assert response.status == 401
        assert "stale=true" in (response.headers.get("WWW-Authenticate") or "")
    assert (await tried(front.caller(ELSEWHERE), nonce, count="00000002")).status == 100  # the caller's next call


async def test_an_old_challenge_is_replaced(front: Front) -> None:
    caller = front.caller(ELSEWHERE)
    nonce = nonce_of(await challenged(caller))
    front.stage.clock.advance(61)
    response = await tried(caller, nonce)
    assert response.status == 401
    assert all("stale=true" in value for value in response.headers.all("WWW-Authenticate"))
    assert (await tried(caller, nonce_of(response))).status == 100


async def test_a_challenge_is_the_same_for_copies_and_never_longer_than_the_request(front: Front) -> None:
    wire = front.udp(ELSEWHERE)
    caller = Caller(wire, front.address)
    invite = caller.request("INVITE", body=OFFER)
    answers = set()
    for _ in range(2):
        await wire.send(invite)
        answers.add(await wire.receive_bytes())
    (answer,) = answers
    assert len(answer) <= len(invite)


async def test_a_request_with_no_room_for_a_challenge_is_refused_without_one(front: Front) -> None:
    wire = front.udp(ELSEWHERE)
    caller = Caller(wire, front.address)
    found = set()
    for more in range(0, 400, 10):
        invite = caller.request("INVITE", to_tag="", headers=[("X-More", "x" * more)])
        await wire.send(invite)
        data = await wire.receive_bytes()
        assert len(data) <= len(invite)
        response = parse(data)
        assert isinstance(response, Response)
        found.add((response.status, response.headers.count("WWW-Authenticate")))
    assert found == {(403, 0), (401, 1), (401, 2)}


async def test_other_requests_of_strangers_are_not_challenged(front: Front) -> None:
    caller = front.caller(ELSEWHERE)
    for method in ("OPTIONS", "REGISTER", "MESSAGE"):
        await caller.send(method)
        assert (await caller.response()).status == 403


async def test_a_caller_that_proves_itself_often_is_no_noise_and_who_fails_often_is(front: Front) -> None:
    wire = front.udp(ELSEWHERE)
    for _ in range(150):
        caller = Caller(wire, front.address)
        caller.target = "sip:demo@example.org"
        assert (await tried(caller, nonce_of(await challenged(caller)))).status == 100
    assert not front.stage.gate.strangers.noisy(ELSEWHERE)
    guesser = front.caller(SCANNERS[1])
    for number in range(150):
        await guesser.send("INVITE", to_tag="", headers=proof(guesser, "n", password=f"guess {number}"), body=OFFER)
    await answered(front.caller(ADMITTED))
    assert front.stage.gate.strangers.noisy(SCANNERS[1])


async def test_a_guesser_learns_nothing_of_usernames_from_bytes_or_work(front: Front) -> None:
    udp = UdpTransport(front.endpoint)
    wire = front.udp(ELSEWHERE)
    answers, work = set(), []
    for username in ("warms", "alice", "malek"):
        front.stage.clock.advance(2)
        caller = Caller(wire, front.address)
        caller.call_id, caller.tag, caller.target = "c", "f", "sip:demo@example.org"
        headers = proof(caller, "n" * 27, username=username, password="wrong")
        invite = caller.request("INVITE", branch="z9hG4bKsame", headers=headers, body=OFFER)
        work.append(calls_of(lambda invite=invite: udp.datagram_received(invite, (ELSEWHERE, wire.port))))  # type: ignore[misc]
        answer = parse(await wire.receive_bytes())
        nonce = (answer.headers.get("WWW-Authenticate") or "").partition('nonce="')[2].partition('"')[0]
        answers.add(answer.encode().replace(nonce.encode(), b"*"))
    assert len(answers) == 1
    assert [call for call in work[1] if "getrandbits" not in call] == [
        call for call in work[2] if "getrandbits" not in call
    ]


async def test_a_copy_of_a_proved_invite_is_no_second_proof(front: Front) -> None:
    caller = front.caller(ELSEWHERE)
    headers = proof(caller, nonce_of(await challenged(caller)))
    invite = await caller.send("INVITE", to_tag="", headers=headers, body=OFFER)
    await caller.wire.send(invite)
    assert [(await caller.response()).status, (await caller.response()).status] == [100, 100]
    front.stage.clock.advance(2 * T1_S)
    assert len(front.stage.registry) == 1
