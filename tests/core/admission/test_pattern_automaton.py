"""An automaton says of every text what RE2 says."""

from collections.abc import Generator
from typing import TypeVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from callgate.core.admission.pattern_automaton import Automaton, automaton_of, letters_of, shortest
from callgate.core.admission.pattern_syntax import CannotTell, Node, read_pattern
from callgate.core.admission.patterns import check_pattern, compile_pattern

T = TypeVar("T")

PIECES = [
    *("a", "b", "K", "s", "0", "+", "-", ".", "é", "\n", "{", "}", ",", "]", "_"),
    *(r"\d", r"\w", r"\s", r"\D", r"\W", r"\+", r"\.", r"\n", r"\x41", r"\x{e9}"),
    *(".", "[ab]", "[^a]", "[0-9]", "[a-k]", "[^0-9+]", "[]a]", "[a-]", r"[\d+]", "[[:alpha:]]", "[^[:digit:]]"),
    *("^", "$", r"\A", r"\z", "|", "(", ")", "(?:", "(?i)", "(?s)", "(?i:", "(?-i:", "(?P<n>", "(?U)"),
    *("*", "+", "?", "*?", "{2}", "{1,2}", "{0,1}", "{2,}", "{,2}", "{01}", "{"),
]
PATTERN = st.lists(st.sampled_from(PIECES), min_size=1, max_size=9).map("".join)
TEXT = st.text(st.sampled_from("abkKsSzA059+-._ é\n\u212a\u017f{},]"), min_size=1, max_size=6)


def end_of(steps: Generator[None, None, T]) -> T:
    """What a generator comes to."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: T = stop.value
            return found


def automata(*patterns: str) -> tuple[list[Automaton], list[str]]:
    nodes: list[Node] = [read_pattern(text) for text in patterns]
    letters = letters_of(nodes)
    return [end_of(automaton_of(node, letters)) for node in nodes], letters


def is_found(pattern: str, text: str) -> bool:
    """What the automaton of an expression says, with each character as the letter that it does not tell from it."""
    node = read_pattern(pattern)
    exact = automaton_of(node, [*dict.fromkeys(text)])
    one = end_of(exact)
    state = 0
    letters = [*dict.fromkeys(text)]
    for character in text:
        state = one.table[state][letters.index(character)]
    return one.accepts[state]


@settings(max_examples=1_000, deadline=None)
@given(pattern=PATTERN, texts=st.lists(TEXT, min_size=1, max_size=8))
def test_it_agrees_with_re2(pattern: str, texts: list[str]) -> None:
    assume(check_pattern(pattern) is None)
    for text in texts:
        try:
            found = is_found(pattern, text)
        except CannotTell:
            return
        assert found == (compile_pattern(pattern).search(text) is not None), text


@settings(max_examples=500, deadline=None)
@given(wanted=PATTERN, unwanted=PATTERN, texts=st.lists(TEXT, max_size=20))
def test_a_shortest_text_is_one_and_none_means_none(wanted: str, unwanted: str, texts: list[str]) -> None:
    assume(check_pattern(wanted) is None)
    assume(check_pattern(unwanted) is None)
    try:
        (one, other), letters = automata(wanted, unwanted)
        found = end_of(shortest([one], [other], letters))
    except CannotTell:
        return
    searched, avoided = compile_pattern(wanted), compile_pattern(unwanted)
    if found is not None:
        assert searched.search(found)
        assert not avoided.search(found)
    for text in texts:
        fits = searched.search(text) is not None and avoided.search(text) is None
        assert not (fits and found is None), text
        assert not (fits and found is not None and len(text) < len(found)), text


@pytest.mark.parametrize(
    ("wanted", "unwanted", "expected"),
    [
        ("^a$", "^ab?$", None),
        ("^ab?$", "^a$", "ab"),
        ("^[0-9]{3}$", "^5", "055"),
        ("x", ".", None),
        ("\\n", ".", "\n"),
        ("a^", "^$", None),
        ("$", "^[^a]+$", "a"),
        ("^(a|b)*c", "^a", "c"),
    ],
)
def test_differences(wanted: str, unwanted: str, expected: str | None) -> None:
    (one, other), letters = automata(wanted, unwanted)
    assert end_of(shortest([one], [other], letters)) == expected


@pytest.mark.parametrize(
    ("pattern", "start", "end"),
    [("^a$", False, False), ("a", True, True), ("^a|b$", True, True), ("^a.*", False, True), ("(^a)$", False, False)],
)
def test_open_ends(pattern: str, start: bool, end: bool) -> None:
    (one,), _ = automata(pattern)
    assert (one.open_start, one.open_end) == (start, end)


def test_what_would_be_too_large_is_not_told() -> None:
    with pytest.raises(CannotTell):
        automata("a.{60}b")
    with pytest.raises(CannotTell):
        automata("(?:abc){600}")
