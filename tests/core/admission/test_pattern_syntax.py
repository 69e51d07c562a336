import pytest

from callgate.core.admission.pattern_syntax import (
    At,
    CannotTell,
    Chars,
    Choice,
    Edge,
    Repeat,
    Sequence,
    complement,
    read_pattern,
    union,
)
from callgate.core.admission.patterns import check_pattern


def chars(text: str) -> Chars:
    return Chars(union(*(((ord(one), ord(one)),) for one in text)))


def test_what_an_expression_is_made_of() -> None:
    assert read_pattern(r"^\+1(?:5|6)*?$") == Sequence(
        (At(Edge.BEGIN), chars("+"), chars("1"), Repeat(Choice((chars("5"), chars("6"))), 0, None), At(Edge.END))
    )
    assert read_pattern("a{2,3}b{4}c{1,}") == Sequence(
        (Repeat(chars("a"), 2, 3), Repeat(chars("b"), 4, 4), Repeat(chars("c"), 1, None))
    )
    assert read_pattern("") == Sequence(())
    assert read_pattern("[^]a]") == Chars(complement(union(((0x5D, 0x5D),), ((0x61, 0x61),))))


def test_what_re2_takes_as_it_stands() -> None:
    for text in ("{,5}", "{x}", "{01}", "{"):
        assert read_pattern(f"a{text}") == Sequence(tuple(chars(one) for one in f"a{text}"))


def test_case_is_ignored_where_flags_say_so_and_no_further() -> None:
    assert read_pattern("(?:(?i)a)b") == Sequence((chars("aA"), chars("b")))
    assert read_pattern("(?i:k)") == chars("kK\u212a")


@pytest.mark.parametrize(
    "pattern",
    [r"\bx", r"\pL", r"\Qa\E", "(?m)^a", "(?i)é", r"(?i)\w", "[[:punct:]]", r"\012", "(?s){2}x", "(" * 60 + ")" * 60],
)  # fmt: skip
def test_what_is_not_certain_is_not_told(pattern: str) -> None:
    with pytest.raises(CannotTell):
        read_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(a", "a)", "[a", "a**", "*", "\\", "(?P<n", "(?z)", "a{1001}"])
def test_what_re2_refuses_never_crashes_the_reader(pattern: str) -> None:
    assert check_pattern(pattern) is not None
    with pytest.raises(CannotTell):
        read_pattern(pattern)
