import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.entities.page import Mark
from callgate.schema.errors import Invalid
from callgate.schema.page import list_name, page, read_cursor, write_cursor

NAME = list_name("/api/calls", [("sort", "created")])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUE = st.none() | TEXT | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
MARK = st.builds(Mark, st.lists(VALUE, min_size=1, max_size=3).map(tuple), st.booleans(), st.booleans())


@given(mark=MARK)
def test_a_cursor_says_what_it_was_made_of(mark: Mark) -> None:
    cursor = write_cursor(mark, NAME)
    assert read_cursor(cursor, NAME) == mark
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(text=st.text(max_size=200) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_whatever_else_it_is_it_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_cursor(text, NAME)
    assert list(refused.value.errors) == ["cursor"]


@pytest.mark.parametrize("kept", range(0, 40, 3))
def test_a_part_of_a_cursor_is_none(kept: int) -> None:
    cursor = write_cursor(Mark(("2026-01-01T00:00:00+00:00", "id")), NAME)
    with pytest.raises(Invalid):
        read_cursor(cursor[:kept], NAME)


@pytest.mark.parametrize(
    ("path", "filters"),
    [
        ("/api/calls", []),
        ("/api/calls", [("sort", "-created")]),
        ("/api/calls", [("sort", "created"), ("search", "x")]),
        ("/api/calls", [("sort", "created"), ("sort", "created")]),
        ("/api/agents", [("sort", "created")]),
    ],
)
def test_a_cursor_of_another_list_is_refused(path: str, filters: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid, match="of another list"):
        read_cursor(write_cursor(Mark(("x",)), list_name(path, filters)), NAME)


def test_filters_may_be_arranged_as_one_likes() -> None:
    one = list_name("/api/calls", [("agentIds", "a"), ("agentIds", "b"), ("sort", "created")])
    assert one == list_name("/api/calls", [("sort", "created"), ("agentIds", "b"), ("agentIds", "a")])


def test_a_total_that_is_not_known_is_left_out() -> None:
    assert page([], None, None, None) == {"next": None, "previous": None, "results": []}
