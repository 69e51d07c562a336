import json
from typing import Any

from callgate.brains.cascade.memory import ENTRIES_MAX, SOUNDS_MAX, Memory, ToolUse
from callgate.brains.conversation import Conversation
from callgate.core.dialects.chat_completions import ToolCall
from callgate.entities.json import JsonObject
from tests.brains.modelled_call import ModelledCall


class _NoFactory:
    """A call without a brain, which the conversation does not need."""

    def make(self, plan: Any, host: Any) -> Any:
        return None


def memory(settings: JsonObject | None = None) -> tuple[Memory, ModelledCall]:
    host = ModelledCall(_NoFactory())  # type: ignore[arg-type]
    return Memory(Conversation(settings or {}, host)), host


def told(one: Memory, remark: str = "", system: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for raw in one.messages(system, remark):
        message = json.loads(raw)
        content = message["content"]
        if isinstance(content, list):
            content = [part.get("text", "<sound>") for part in content]
        if "tool_calls" in message:
            content = (content, [call["function"]["name"] for call in message["tool_calls"]])
        found.append((message["role"], content))
    return found


def spoke(one: Memory, text: str | None = None, *, listens: bool = True) -> None:
    one.understood(one.caller_spoke(b"RIFF", 1.5, 1_000.0, 1_001.5, listens=listens), text)


def says(one: Memory, text: str) -> None:
    entry = one.agent_begins()
    entry.text, entry.settled = text, True
    one.tell()


def test_users_begin_and_alternate_with_the_assistant() -> None:
    one, _ = memory()
    assert told(one, system="Be kind.") == [("system", "Be kind."), ("user", "(The call begins.)")]
    assert told(one, "(Greet.)") == [("user", "(Greet.)")]
    says(one, "Hello.")
    says(one, "Anybody there?")
    one.caller_typed("Yes.")
    spoke(one)
    assert told(one, "(Hurry.)") == [
        ("user", "(The call begins.)"),
        ("assistant", "Hello.\nAnybody there?"),
        ("user", ["Yes.", "<sound>", "(Hurry.)"]),
    ]
    says(one, "Good.")
    assert told(one)[-1] == ("user", "(Go on.)")


def test_tools_are_followed_by_their_results() -> None:
    one, _ = memory()
    one.caller_typed("Book it.")
    entry = one.agent_begins()
    entry.text, entry.settled = "Let me see.", True
    entry.uses = [ToolUse(ToolCall("1", "book", "{}"), "booked"), ToolUse(ToolCall("2", "pay", "{}"))]
    assert told(one) == [
        ("user", "Book it."),
        ("assistant", ("Let me see.", ["book", "pay"])),
        ("tool", "booked"),
        ("tool", "(No answer yet.)"),
    ]
    says(one, "It is booked.")
    one.caller_typed("Thanks.")
    assert told(one)[4:] == [("assistant", "It is booked."), ("user", "Thanks.")]


def test_old_turns_are_text_and_only_the_last_few_that_are_not_understood_are_sound() -> None:
    one, _ = memory()
    for number in range(SOUNDS_MAX + 2):
        spoke(one)
        says(one, f"Answer {number}.")
    users = [content for role, content in told(one) if role == "user"]
    remark = "(the caller spoke for 1.5 s)"
    assert users == [remark, remark, *[["<sound>"]] * SOUNDS_MAX, "(Go on.)"]
    long, _ = memory()
    for _ in range(3):
        long.understood(long.caller_spoke(b"RIFF", 20.0, 0.0, 20.0, listens=True), None)
    assert told(long) == [("user", ["(the caller spoke for 20.0 s)", "<sound>", "<sound>"])]
    other, _ = memory()
    first = other.caller_spoke(b"RIFF", 1.0, 0.0, 1.0, listens=True)
    other.understood(first, "One.")
    assert told(other) == [("user", ["<sound>"])]  # it is the newest: the model hears it
    second = other.caller_spoke(b"RIFF", 1.0, 0.0, 1.0, listens=True)
    third = other.caller_spoke(b"RIFF", 1.0, 0.0, 1.0, listens=True)
    assert told(other) == [("user", ["One.", "<sound>", "<sound>"])]
    other.understood(second, "Two.")
    other.understood(third, "Three.")
    assert told(other) == [("user", ["One.", "Two.", "<sound>"])]


def test_what_nobody_said_is_forgotten() -> None:
    one, host = memory()
    entry = one.caller_spoke(b"RIFF", 1.0, 0.0, 1.0, listens=False)
    says(one, "Hello.")
    assert host.messages == []
    one.forget(entry)
    assert host.messages == [("agent", "Hello.")]
    assert told(one)[:1] == [("user", "(The call begins.)")]


def test_messages_are_told_in_their_order_with_their_times() -> None:
    one, host = memory()
    entry = one.caller_spoke(b"RIFF", 1.5, 1_001.0, 1_002.5, listens=True)
    says(one, "Hello.")
    one.caller_typed("[DTMF] 1")
    assert host.messages == []
    one.understood(entry, "Hi.")
    assert host.messages == [("user", "Hi."), ("agent", "Hello."), ("user", "[DTMF] 1")]
    assert host.spans[0] == (1_000.0, 2_500.0)


def test_what_is_left_is_told_in_the_end() -> None:
    one, host = memory()
    one.caller_spoke(b"RIFF", 1.5, 1_001.0, 1_002.5, listens=True)
    one.agent_begins().text = "Hello."
    one.settle()
    one.settle()
    assert host.messages == [("user", "(the caller spoke for 1.5 s)"), ("agent", "Hello.")]


def test_it_begins_with_what_was_said_before_and_has_its_limit() -> None:
    initial: list[Any] = [
        {"role": "MESSAGE_ROLE_AGENT", "text": "Welcome back."},
        {"role": "MESSAGE_ROLE_USER", "text": "Thanks."},
    ]
    one, host = memory({"initialMessages": initial})
    assert told(one) == [("user", "(The call begins.)"), ("assistant", "Welcome back."), ("user", "Thanks.")]
    assert host.messages == []
    for number in range(ENTRIES_MAX):
        one.caller_typed(f"word {number}")
    ((_, content),) = told(one)
    assert content.count("\n") == ENTRIES_MAX - 1


def test_it_can_be_shortened_until_little_is_left() -> None:
    one, _ = memory()
    for number in range(10):
        one.caller_typed(f"word {number}")
    assert one.shorten()
    assert told(one) == [("user", "word 5\nword 6\nword 7\nword 8\nword 9")]
    assert one.shorten()
    assert not one.shorten()
