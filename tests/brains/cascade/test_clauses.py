import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.brains.cascade.clauses import CLAUSE_CHARACTERS_MAX, ClauseCutter, spoken_text


def cut(text: str, size: int = 4) -> list[str]:
    """What is said of a text that streams in so many letters at a time."""
    cutter, found = ClauseCutter(), []
    for at in range(0, len(text), size):
        found += cutter.feed(text[at : at + size])
    return [spoken for clause in (*found, *cutter.finish()) if (spoken := spoken_text(clause))]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Hello. How are you? Fine!", ["Hello.", "How are you?", "Fine!"]),
        ("Let me see, that is so, is it not? Yes, it is.", ["Let me see,", "that is so, is it not?", "Yes, it is."]),
        ("Yes, it is.", ["Yes, it is."]),
        ("Pi is 3.14 and 1,000.5 is more. So.", ["Pi is 3.14 and 1,000.5 is more.", "So."]),
        ("Ask Dr. Who at 5 p.m. or Mrs. T. Smith. Now.", ["Ask Dr. Who at 5 p.m. or Mrs. T. Smith.", "Now."]),
        ("It is open e.g. at 3:30 or at www.example.org/a.b today. Yes.", None),
        ("Am 3. Oktober um 9 Uhr. Gut.", ["Am 3. Oktober um 9 Uhr.", "Gut."]),
        ("One two three four five six seven eight nine ten eleven twelve thirteen fourteen.",
         ["One two three four five six seven eight nine ten eleven twelve", "thirteen fourteen."]),
        ("你好。今天天气很好！是的", ["你好。", "今天天气很好！", "是的"]),
        ('He said "Stop!" Then he left.', ['He said "Stop!"', "Then he left."]),
        ("Wait... what? No.", ["Wait...", "what?", "No."]),
        ("First\n\nSecond line", ["First", "Second line"]),
        ("---\n\n**", []),
        ("", []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 5, 1_000])
def test_text_is_cut_where_one_breathes(text: str, clauses: list[str] | None, size: int) -> None:
    expected = clauses if clauses is not None else [text.removesuffix(" Yes."), "Yes."]
    assert cut(text, size) == expected


def test_a_later_clause_ends_at_a_comma_only_when_it_is_long() -> None:
    long = "and so on and on it goes for quite a while, "
    clauses = cut("Well. " + long * 8 + "until here.")
    assert clauses[0] == "Well."
    assert all(clause.endswith(",") and len(clause) > 150 for clause in clauses[1:-1])
    assert clauses[-1].endswith("until here.")


def test_what_never_ends_is_cut_at_its_limit() -> None:
    assert [len(clause) for clause in cut("x" * 1_000)] == [CLAUSE_CHARACTERS_MAX, CLAUSE_CHARACTERS_MAX, 200]
    words = cut("word " * 500)
    assert max(map(len, words)) <= CLAUSE_CHARACTERS_MAX
    assert {part for clause in words for part in clause.split()} == {"word"}


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("**Bold** and *leaning* and `code`.", "Bold and leaning and code."),
        ("## A title", "A title"),
        ("- one\n* two\n+ three", "one two three"),
        ("> quoted", "quoted"),
        ("Two * three is 2 * 3.", "Two * three is 2 * 3."),
        ("See [the page](https://example.org/a_b) or ![a picture](x.png).", "See the page or a picture."),
        ("a snake_case_name and __strong__ and _weak_", "a snake_case_name and strong and weak"),
        ("C# costs #1", "C# costs #1"),
        ("Great! 🎉✅", "Great!"),
        ("~~gone~~", "gone"),
        ("***", ""),
        ("...", ""),
        ("20 °C – 5 €", "20 °C – 5 €"),
    ],
)
def test_marks_are_not_spoken(text: str, spoken: str) -> None:
    assert spoken_text(text) == spoken


@given(st.text(alphabet="ab1 .,!?:;-\n*_#`\"'。，…(", max_size=600), st.data())
def test_the_clauses_are_the_text_wherever_it_is_cut(text: str, data: st.DataObject) -> None:
    cutter, found, at = ClauseCutter(), [], 0
    while at < len(text):
        size = data.draw(st.integers(1, 200))
        found += cutter.feed(text[at : at + size])
        at += size
    clauses = [*found, *cutter.finish()]
    assert "".join(clauses) == text
    assert all(0 < len(clause) <= CLAUSE_CHARACTERS_MAX + 1 for clause in clauses)


@given(st.text())
def test_anything_can_be_spoken(text: str) -> None:
    assert "\n" not in spoken_text(text)
    assert "`" not in spoken_text(text)
