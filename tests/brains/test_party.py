"""What parties say and are told, one at a time: the call they ask things of writes down what it is asked."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.brains.party import Party
from callgate.core.dialects.data_messages import CLIENT, DATA_CONNECTION, DataMessage, debug, state
from callgate.entities.json import Json, JsonObject
from callgate.ports.brain import ToolAnswer, ToolFailed


class Call:
    """One with one party."""

    def __init__(self, kind: str = CLIENT, flags: Json = None) -> None:
        self.now_s = 100.0
        self.sent: list[dict[str, Any]] = []
        self.events: list[tuple[str, str]] = []
        self.asked: list[JsonObject] = []
        self.left: list[tuple[str, str]] = []
        self.media: list[str] = []
        self.party = Party(kind, flags, lambda message: self.sent.append(json.loads(message)), self)

    def says(self, kind: str, **fields: Any) -> None:
        self.party.take(json.dumps({"type": kind, **fields}).encode())

    def monotonic(self) -> float:
        return self.now_s

    def event(self, severity: str, type: str, text: str, **extras: Json) -> None:
        self.events.append((type, text))

    def announce(self, message: DataMessage) -> None:
        self.party.tell(message)

    def told(self, message: JsonObject) -> None:
        self.asked.append(message)

    def leave(self, words: str, outcome: str) -> None:
        self.left.append((words, outcome))

    def answer_in(self, medium: str) -> None:
        self.media.append(medium)


def test_it_is_told_what_its_owner_wants_told() -> None:
    call = Call(flags={"state": False, "debug": True})
    for message in (state("idle"), debug("words")):
        call.party.tell(message)
    assert call.sent == [{"type": "debug", "message": "words"}]


def test_a_ping_is_answered_with_its_own_time() -> None:
    call = Call()
    call.says("ping", timestamp=17.5)
    assert call.sent == [{"type": "pong", "timestamp": 17.5}]
    quiet = Call(flags={"pong": False})
    quiet.says("ping", timestamp=1)
    assert quiet.sent == []


def test_texts_and_forced_words_are_for_the_brain() -> None:
    call = Call()
    call.says("user_text_message", text="Hello", urgency="later")
    call.says("input_text_message", text="Hi")
    call.says("forced_agent_message", content="Say this", uninterruptible=True)
    assert call.asked == [
        {"type": "user_text_message", "text": "Hello", "urgency": "later"},
        {"type": "user_text_message", "text": "Hi", "urgency": "soon"},
        {"type": "forced_agent_message", "content": "Say this", "uninterruptible": True, "urgency": "soon"},
    ]


@pytest.mark.parametrize(("kind", "outcome"), [(CLIENT, "caller-hangup"), (DATA_CONNECTION, "api-hangup")])
def test_a_client_hangs_up_as_a_caller_and_a_data_connection_as_the_api(kind: str, outcome: str) -> None:
    call = Call(kind)
    call.says("hang_up", message="Bye.")
    call.says("hang_up")
    assert call.left == [("Bye.", outcome), ("", outcome)]


def test_only_the_client_chooses_how_it_is_answered() -> None:
    call = Call()
    call.says("set_output_medium", medium="text")
    assert call.media == ["text"]
    server = Call(DATA_CONNECTION)
    server.says("set_output_medium", medium="text")
    assert server.media == []
    assert [kind for kind, _ in server.events] == ["message_not_taken"]


def test_another_thread_is_refused() -> None:
    call = Call()
    call.says("spawn_thread", newThreadId="aside")
    assert call.sent == [{"type": "thread_rejected", "threadId": "aside", "reason": "a call has one thread"}]


def test_what_is_not_understood_is_told_to_both_ends_and_not_for_ever() -> None:
    call = Call(flags={"debug": True})
    for _ in range(30):
        call.says("dance")
        call.now_s += 1
    assert (len(call.events), len(call.sent)) == (20, 30)
    assert call.events[0][0] == "data_message_not_understood"
    assert "dance" in call.events[0][1]
    assert "dance" in call.sent[0]["message"]


def test_who_says_too_much_is_not_listened_to_until_the_next_second() -> None:
    call = Call()
    for count in range(150):
        call.says("ping", timestamp=count)
    assert (len(call.sent), [kind for kind, _ in call.events]) == (100, ["data_messages_dropped"])
    call.now_s += 1
    call.says("ping", timestamp=0)
    assert len(call.sent) == 101


@pytest.mark.parametrize("kind", [CLIENT, DATA_CONNECTION])
async def test_a_tool_is_used_and_its_result_says_what_follows(kind: str) -> None:
    call, name = Call(kind), "client" if kind == CLIENT else "data_connection"
    waits = call.party.invoke("book", "i1", {"day": "monday"})
    assert call.sent == [
        {
            "type": f"{name}_tool_invocation",
            "toolName": "book",
            "invocationId": "i1",
            "parameters": {"day": "monday"},
        }
    ]
    call.says(
        f"{name}_tool_result",
        invocationId="i1",
        result="booked",
        responseType="new-stage",
        agentReaction="listens",
        updateCallState={"a": 1},
    )
    assert await waits == ToolAnswer(
        "booked",
        {
            "x-ultravox-response-type": "new-stage",
            "x-ultravox-agent-reaction": "listens",
            "x-ultravox-update-call-state": '{"a": 1}',
        },
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"errorType": "implementation-error", "errorMessage": "out of paper"}, "out of paper"),
        ({"errorType": "undefined"}, "undefined"),
        ({"result": "x" * 70_000}, "longer than 65536 bytes"),
    ],
)
async def test_a_tool_that_fails_says_why(fields: dict[str, Any], words: str) -> None:
    call = Call()
    waits = call.party.invoke("book", "i1", {})
    call.says("client_tool_result", invocationId="i1", **fields)
    with pytest.raises(ToolFailed, match=words):
        await waits


async def test_results_that_nobody_waits_for_are_passed_over() -> None:
    call = Call()
    waits = call.party.invoke("book", "i1", {})
    call.says("client_tool_result", invocationId="i2", result="a")
    call.says("data_connection_tool_result", invocationId="i1", result="forged")
    assert not waits.done()
    waits.cancel()  # as whoever asked does in the end
    await asyncio.sleep(0)
    call.says("client_tool_result", invocationId="i1", result="late")
    assert [kind for kind, _ in call.events] == ["tool_result_unknown"] * 3


async def test_uses_of_tools_are_bounded_and_have_names_of_their_own() -> None:
    call = Call()
    held = [call.party.invoke("book", f"i{count}", {}) for count in range(32)]
    for name, words in (("i0", "another use"), ("more", "32 tools are in use")):
        with pytest.raises(ToolFailed, match=words):
            await call.party.invoke("book", name, {})
    call.says("client_tool_result", invocationId="i0", result="done")
    assert (await held[0]).text == "done"
    await asyncio.sleep(0)
    call.party.invoke("book", "more", {})
    assert len(call.sent) == 33


async def test_who_is_gone_fails_what_it_was_asked() -> None:
    call = Call(DATA_CONNECTION)
    waits = call.party.invoke("book", "i1", {})
    call.party.gone("the connection broke", for_good=False)
    with pytest.raises(ToolFailed, match="the connection broke"):
        await waits
    waits = call.party.invoke("book", "i2", {})
    assert not waits.done()
    call.party.gone("the server is gone", for_good=True)
    for number in ("i2", "i3"):
        with pytest.raises(ToolFailed, match="the server is gone"):
            await (waits if number == "i2" else call.party.invoke("book", number, {}))


def test_who_is_not_told_of_tools_is_not_asked_to_do_them() -> None:
    assert Call().party.does_tools
    assert not Call(flags={"clientToolInvocation": False}).party.does_tools
    assert not Call(DATA_CONNECTION, {"dataConnectionToolInvocation": False}).party.does_tools


@given(st.binary(max_size=80))
def test_any_bytes_are_taken_or_complained_of(message: bytes) -> None:
    call = Call()
    call.party.take(message)
    assert len(call.events) <= 1
