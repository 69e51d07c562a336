"""What is printed, to a file and to a terminal."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.cli.show import Cell, Show, local, printable, took, value
from tests.cli.operator import Terminal

# Fills the screen of someone who looks, if it gets through: clears it, renames the window, turns text around.
HOSTILE = "a\x1b[2J\x1b]0;owned\x07b\x9b31m\u202egnp\ud800"


def test_columns_are_aligned_and_nothing_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    Show(as_json=False).table(
        ("name", "what for"), [("a", Cell("x" * 200, "red")), (Cell("longer"), "y")], empty="nothing"
    )
    assert capsys.readouterr().out == f"NAME    WHAT FOR\na       {'x' * 200}\nlonger  y\n"
    Show(as_json=False).table(("name",), [], empty="There are none.")
    assert capsys.readouterr().out == "There are none.\n"


@pytest.mark.parametrize("how", ["say", "table", "facts", "text"])
def test_no_control_character_gets_through(capsys: pytest.CaptureFixture[str], how: str) -> None:
    show = Show(as_json=False)
    does: dict[str, Callable[[], None]] = {
        "say": lambda: show.say(HOSTILE),
        "table": lambda: show.table(("t",), [(HOSTILE,)], empty=""),
        "facts": lambda: show.facts([("t", HOSTILE)]),
        "text": lambda: show.text(HOSTILE),
    }
    does[how]()
    assert r"a\x1b[2J\x1b]0;owned\x07b\x9b31m\u202egnp\ud800" in capsys.readouterr().out


@given(st.text())
def test_what_is_printable_is_one_line(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()
    assert all(ord(character) >= 0x20 and not 0x7F <= ord(character) < 0xA0 for character in shown)


@given(st.recursive(st.text() | st.integers() | st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=3)))
def test_json_is_the_same_json_without_control_characters(found: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr(Show, "_write", lambda self, line: lines.append(line))
        Show(as_json=True).json(found)
    assert json.loads(lines[0]) == found
    assert printable(lines[0]) == lines[0]


def test_a_terminal_without_such_letters_ends_no_command() -> None:
    script = "from callgate.cli.show import Show; Show(as_json=False).say('✓ Müller')"
    terminal = Terminal([sys.executable, "-c", script], {"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)})
    assert terminal.wait() == 0
    assert r"\u2713 M\xfcller" in terminal.text


def test_times_are_those_of_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert local("2026-07-01T12:00:05.25Z") == "2026-07-01 17:30:05"
        assert local("2026-07-01T12:00:05.25Z", "%H:%M:%S") == "17:30:05"
    finally:
        monkeypatch.undo()
        time.tzset()
    assert local(None) == "-"


def test_values_and_spans() -> None:
    assert (value(None), value(""), value("a b"), value({"é": [1]})) == ("-", "-", "a b", '{"é": [1]}')
    assert took("2026-07-01T12:00:00Z", "2026-07-01T13:01:05.6Z") == "61:06"
    assert took(None, "2026-07-01T13:01:05Z") == took("2026-07-01T13:01:05Z", None) == "-"
