"""The fallback handler over real sockets: every row of the error table, and what is sent and believed."""

import asyncio
import socket
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from callgate.core.webhook.signature import verify
from callgate.entities.json import Json, JsonObject
from callgate.ports import Rejection, StartCall
from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.http import http_session
from callgate.testing.handler import HandlerServer
from callgate.webhooks.ask import FallbackHandlerHook
from tests.webhooks.asking import AGENT, SECRETS, free_port, make_hook, question


async def test_the_question_is_signed_with_every_secret_and_says_what_the_contract_says(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    await hook.ask(question(handler.url))
    [request] = handler.requests
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == question(handler.url).body
    timestamp = request.headers["x-ultravox-webhook-timestamp"]
    assert datetime.fromisoformat(timestamp) == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    first, second = request.headers["x-ultravox-webhook-signature"].split(",")
    assert first == first.lower()
    assert verify(request.body, timestamp, first, SECRETS[:1])
    assert verify(request.body, timestamp, second, SECRETS[1:])
    assert request.headers["x-callgate-decision-id"] == "decision-1"
    assert request.headers["x-callgate-request-uri"] == "sip:demo@192.0.2.1"
    assert "cookie" not in request.headers


# ---------------------------------------------------------------------------------------------------- accepted answers


async def test_start_agent_call_of_an_agent_of_the_account_is_taken(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_answer(
        {
            "startAgentCall": {
                "agentId": AGENT.agent_id,
                "templateContext": {"a": 1},
                "medium": {"webRtc": {}},
                "metadata": None,
            },
            "reject": None,
        }
    )
    answer = await hook.ask(question(handler.url))
    assert isinstance(answer, StartCall)
    assert answer.agent_id == AGENT.agent_id
    assert answer.body == {"templateContext": {"a": 1}, "metadata": None}
    assert answer.exchange["status"] == 200
    assert answer.exchange["tries"] == 1
    assert answer.exchange["answer"] == "startAgentCall"


async def test_an_inline_start_call_is_taken(hook: FallbackHandlerHook, handler: HandlerServer) -> None:
    handler.will_answer({"startCall": {"systemPrompt": "hello"}})
    answer = await hook.ask(question(handler.url))
    assert isinstance(answer, StartCall)
    assert (answer.agent_id, answer.body) == (None, {"systemPrompt": "hello"})


@pytest.mark.parametrize(
    ("reject", "status"),
    [
        ({}, 603),
        ({"sipRejectCode": None, "message": None}, 603),
        ({"sipRejectCode": 486, "message": "busy"}, 486),
        ({"sipRejectCode": 400}, 400),
        ({"sipRejectCode": 699}, 699),
        ({"sipRejectCode": 503}, 503),
        *(({"sipRejectCode": code}, 480) for code in (401, 407, 420, 421, 422, 423, 481, 482, 487, 491, 494)),
    ],
)
async def test_a_rejection_leaves_with_a_code_that_is_safe_to_send(
    hook: FallbackHandlerHook, handler: HandlerServer, reject: JsonObject, status: int
) -> None:
    handler.will_answer({"reject": reject, "startCall": None})
    answer = await hook.ask(question(handler.url))
    assert isinstance(answer, Rejection)
    assert (answer.outcome, answer.status) == ("handler-rejected", status)
    assert answer.exchange["sipRejectCode"] == (reject.get("sipRejectCode") or 603)


async def test_the_message_of_a_rejection_is_kept_for_the_record(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_answer({"reject": {"message": "not on Sundays"}})
    answer = await hook.ask(question(handler.url))
    assert answer.exchange["message"] == "not on Sundays"


# ------------------------------------------------------------------------------------------------ 502: bad answers


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b'{"reject": {"sipRejectCode": NaN}}', "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({}, "none of the three"),
        ({"reject": None}, "none of the three"),
        ({"reject": {}, "startCall": {}}, "startCall and reject"),
        ({"reject": {}, "rejct": {}}, "unknown field: rejct"),
        ({"rejct": None, "reject": {}}, "unknown field: rejct"),
        ({"reject": []}, "reject must be an object"),
        ({"reject": {"code": 404}}, "unknown field: code"),
        ({"reject": {"sipRejectCode": 399}}, "400 to 699"),
        ({"reject": {"sipRejectCode": 700}}, "400 to 699"),
        ({"reject": {"sipRejectCode": 200}}, "400 to 699"),
        ({"reject": {"sipRejectCode": "486"}}, "400 to 699"),
        ({"reject": {"sipRejectCode": True}}, "400 to 699"),
        ({"reject": {"sipRejectCode": 486.5}}, "400 to 699"),
        ({"reject": {"message": 1}}, "message must be a string"),
        ({"startAgentCall": {}}, "names no agentId"),
        ({"startAgentCall": {"agentId": 7}}, "must be a string"),
        ({"startAgentCall": {"agentId": "0b9c7a8e-0000-4000-8000-00000000ffff"}}, "no agent of this account"),
        ({"startAgentCall": {"agentId": AGENT.agent_id, "sytemPrompt": "x"}}, "would be refused"),
        ({"startCall": "hello"}, "startCall must be an object"),
        ({"startCall": {"systemPrompt": 7}}, "systemPrompt: must be a string"),
    ],
)
async def test_an_answer_that_is_not_as_agreed_is_502(
    hook: FallbackHandlerHook, handler: HandlerServer, answer: Any, words: str
) -> None:
    handler.will_answer(answer)
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-failed", 502)
    assert words in result.reason
    assert len(handler.requests) == 1


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 404, 429, 500, 503])
async def test_any_other_status_is_502_and_never_repeated_or_followed(
    hook: FallbackHandlerHook, handler: HandlerServer, status: int
) -> None:
    body = b"" if status == 204 else b'{"reject": {}}'
    handler.will_answer(body, status=status, headers=(("Location", handler.url),))
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-failed", 502)
    assert f"answered {status}" in result.reason
    assert len(handler.requests) == 1


async def test_an_announced_answer_over_the_limit_is_502(hook: FallbackHandlerHook, handler: HandlerServer) -> None:
    handler.will_answer(b" " * 1_048_577)
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.status, "longer than 1048576 bytes" in result.reason) == (502, True)


async def test_an_answer_of_exactly_the_limit_is_read(hook: FallbackHandlerHook, handler: HandlerServer) -> None:
    handler.will_answer(b'{"reject": {}}'.ljust(1_048_576))
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert result.outcome == "handler-rejected"


async def test_an_endless_answer_is_cut_at_the_limit(hook: FallbackHandlerHook, handler: HandlerServer) -> None:
    handler.will_send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 140 * (b"2000\r\n" + b" " * 8192 + b"\r\n"),
        then_hang=True,
    )
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.status, "longer than" in result.reason) == (502, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: forty\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
@pytest.mark.parametrize("reset", [False, True])
async def test_an_answer_that_breaks_after_its_first_byte_is_502_and_not_repeated(
    hook: FallbackHandlerHook, handler: HandlerServer, raw: bytes, reset: bool
) -> None:
    handler.will_send(raw, reset=reset)
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-failed", 502)
    if not reset:  # a reset may destroy what was under way, so that no byte came
        assert len(handler.requests) == 1


# ------------------------------------------------------------------------------------------- no answer, no connection


async def test_silence_is_504(session: aiohttp.ClientSession, handler: HandlerServer) -> None:
    handler.will_hang()
    result = await make_hook(session, timeout_s=0.1).ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-timeout", 504)
    assert len(handler.requests) == 1
    await handler.abandoned.wait()


async def test_an_answer_that_does_not_end_in_time_is_504(
    session: aiohttp.ClientSession, handler: HandlerServer
) -> None:
    handler.will_send(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"reject"', then_hang=True)
    result = await make_hook(session, timeout_s=0.1).ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-timeout", 504)


async def test_a_connection_that_is_never_taken_is_504(session: aiohttp.ClientSession) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        result = await make_hook(session, timeout_s=0.1).ask(question(f"http://127.0.0.1:{port}/"))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-timeout", 504)


async def test_a_refused_connection_is_502_after_every_try(hook: FallbackHandlerHook) -> None:
    with free_port() as port:
        result = await hook.ask(question(f"http://127.0.0.1:{port}/"))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status, result.exchange["tries"]) == ("handler-failed", 502, 3)


async def test_tries_end_with_the_time(session: aiohttp.ClientSession) -> None:
    with free_port() as port:
        hook = make_hook(session, retry_pauses_s=(60.0,), timeout_s=0.1)
        result = await hook.ask(question(f"http://127.0.0.1:{port}/"))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-timeout", 504)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_breaks_before_any_byte_is_tried_again_with_the_same_question(
    hook: FallbackHandlerHook, handler: HandlerServer, reset: bool
) -> None:
    handler.will_drop(reset=reset)
    handler.will_answer({"reject": {"sipRejectCode": 486}})
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.status, result.exchange["tries"]) == (486, 2)
    first, second = handler.requests
    assert first.body == second.body
    assert first.headers["x-callgate-decision-id"] == second.headers["x-callgate-decision-id"]


async def test_a_connection_that_always_breaks_is_502(hook: FallbackHandlerHook, handler: HandlerServer) -> None:
    handler.will_drop()
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status, len(handler.requests)) == ("handler-failed", 502, 3)


async def test_a_failed_tls_handshake_is_502(hook: FallbackHandlerHook) -> None:
    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await hook.ask(question(f"https://127.0.0.1:{port}/"))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-failed", 502)


async def test_an_unknown_name_is_502(hook: FallbackHandlerHook) -> None:
    result = await hook.ask(question("http://handler.invalid/"))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-failed", 502)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1"])
async def test_a_forbidden_address_is_502_without_a_connection(handler: HandlerServer, host: str) -> None:
    async with http_session(AddressGuard()) as session:
        result = await make_hook(session).ask(question(f"http://{host}:{handler.port}/"))
    assert isinstance(result, Rejection)
    assert (result.outcome, result.status) == ("handler-failed", 502)
    assert handler.connections == 0


async def test_a_redirect_to_a_forbidden_address_is_not_followed(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_redirect("http://169.254.169.254/latest/meta-data/")
    result = await hook.ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert result.status == 502


async def test_a_question_is_cancelled_when_the_caller_hangs_up(
    hook: FallbackHandlerHook, handler: HandlerServer
) -> None:
    handler.will_hang()
    asking = asyncio.create_task(hook.ask(question(handler.url)))
    await handler.asked()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await handler.abandoned.wait()


async def test_a_broken_validator_still_gives_the_caller_an_answer(
    session: aiohttp.ClientSession, handler: HandlerServer, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(body: Json) -> JsonObject:
        raise RuntimeError("ours")

    handler.will_answer({"startCall": {}})
    result = await make_hook(session, validate_start_call=explode).ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert result.status == 502
    assert "handler.ask_failed" in caplog.text


async def test_what_the_environment_says_of_proxies_is_ignored(
    handler: HandlerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    async with http_session(AddressGuard(allow_loopback=True)) as session:
        result = await make_hook(session).ask(question(handler.url))
    assert isinstance(result, Rejection)
    assert result.outcome == "handler-rejected"
