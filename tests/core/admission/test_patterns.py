"""Patterns: what RE2 refuses and in which words; the first match of many equals trying them one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.admission.patterns import PatternList, check_pattern, compile_pattern


@pytest.mark.parametrize(
    "text", ["^agent_x$", "^\\+1555", "(?i)sales|support", "", "\\pL+", "a{0,1000}", "[^\\d]", "x" * 200]
)
def test_what_re2_takes_is_fine(text: str) -> None:
    assert check_pattern(text) is None
    compile_pattern(text).search("x" * 300)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(?=x)", "Look-ahead and look-behind are not offered"),
        ("(?<!x)y", "Look-ahead and look-behind are not offered"),
        ("(a)\\1", "Back-references are not offered"),
        ("(?P<n>a)(?P=n)", "Back-references are not offered"),
        ("(", "missing )"),
        ("[z-a]", "z-a"),
        ("a**", "bad repetition"),
        ("a{1001}", "repetition"),
        ("\ud800", "surrogates"),
    ],
)
def test_what_re2_refuses_is_told_with_its_reason(text: str, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    reason = check_pattern(text)
    assert reason is not None
    assert words in reason
    with pytest.raises(ValueError, match="expression"):
        compile_pattern(text)
    with pytest.raises(ValueError, match="expression"):
        PatternList([text])
    assert capfd.readouterr().err == ""


def test_a_plain_mistake_is_not_blamed_on_look_around() -> None:
    assert "not offered" not in (check_pattern("(") or "")


@given(st.text(max_size=30))
def test_any_text_is_taken_or_refused_in_words(text: str) -> None:
    reason = check_pattern(text)
    assert reason is None or reason
    if reason is None:
        compile_pattern(text).search("x")


PIECES = ["^", "$", "a", "b", "+", "\\+", "1", "[ab]", "(a|b)*", ".", "\\d{2}", "é"]
PATTERNS = st.lists(st.sampled_from(PIECES), max_size=5).map("".join).filter(lambda text: check_pattern(text) is None)


@given(st.lists(PATTERNS, max_size=20), st.text("ab+1é", max_size=6))
def test_the_first_of_many_is_the_first_of_one_by_one(patterns: list[str], text: str) -> None:
    one_by_one = (index for index, pattern in enumerate(patterns) if compile_pattern(pattern).search(text))
    assert PatternList(patterns).first(text) == next(one_by_one, None)


def test_patterns_that_outgrow_the_memory_of_a_set_still_match() -> None:
    greedy = [f"(?:x[0-9a-z]{{0,500}}){{2}}{n}$" for n in range(20)]
    assert PatternList(greedy).first("x" * 900 + "7") == 7
    assert PatternList(greedy).first("y") is None


def test_no_text_and_text_that_is_none_match_nothing() -> None:
    patterns = PatternList(["", "."])
    assert patterns.first("") == 0
    assert patterns.first(None) is None
    assert patterns.first("\ud800") is None
    assert PatternList([]).first("x") is None
