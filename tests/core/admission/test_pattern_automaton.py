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
TEXT = st.text(st.sampled_from("abkKsSzA059+-._ é\nK\u017f{},]"), min_size=1, max_size=6)


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


def accepts(one: Automaton, letters: list[str], text: str, node: Node) -> bool:
    """Walk, with each character as the letter that no expression tells from it."""
    every = letters_of([node])
    state = 0
    for character in text:
        alike = next(index for index, letter in enumerate(every) if same(node, letter, character))
        state = one.table[state][alike]
    return one.accepts[state]


def same(node: Node, first: str, second: str) -> bool:
    from callgate.core.admission.pattern_automaton import _holds, _sets_of

    return all(_holds(ranges, ord(first)) == _holds(ranges, ord(second)) for ranges in _sets_of(node))


@settings(max_examples=1_500, deadline=None)
@given(pattern=PATTERN, texts=st.lists(TEXT, min_size=1, max_size=12))
def test_it_agrees_with_re2(pattern: str, texts: list[str]) -> None:
    assume(check_pattern(pattern) is None)
    try:
        node = read_pattern(pattern)
        letters = letters_of([node])
        one = end_of(automaton_of(node, letters))
    except CannotTell:
        return
    for text in texts:
        assert accepts(one, letters, text, node) == (compile_pattern(pattern).search(text) is not None), text
