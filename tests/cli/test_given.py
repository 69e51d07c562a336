"""What commands are given."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.cli.errors import Misused
from callgate.cli.given import moment, one_agent, pair, read_object, tag

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
AGENTS = [{"agentId": "a1", "name": "Ada"}, {"agentId": "b2", "name": "Bob"}, {"agentId": "b3", "name": "Bob"}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", "2026-07-01T11:58:30+00:00"),
        ("30m", "2026-07-01T11:30:00+00:00"),
        ("24h", "2026-06-30T12:00:00+00:00"),
        ("7d", "2026-06-24T12:00:00+00:00"),
        ("2w", "2026-06-17T12:00:00+00:00"),
        ("2026-06-30T14:00:00+02:00", "2026-06-30T12:00:00+00:00"),
        ("2026-06-30T14:00:00Z", "2026-06-30T14:00:00+00:00"),
    ],
)
def test_a_moment_is_a_span_back_or_a_time(text: str, expected: str) -> None:
    assert moment("--since", text, NOW) == expected


def test_a_time_without_a_zone_is_this_places() -> None:
    found = moment("--since", "2026-06-30T14:00", NOW)
    assert found is not None
    assert datetime.fromisoformat(found) == datetime(2026, 6, 30, 14, 0).astimezone()
    assert moment("--since", None) is None


def test_a_span_that_reaches_back_beyond_the_calendar_is_a_mistake() -> None:
    with pytest.raises(Misused, match="expected a span"):
        moment("--since", "999999w", NOW)


@given(st.text() | st.from_regex(r"[0-9]{1,8}[smhdw]", fullmatch=True))
def test_any_text_is_a_moment_or_a_mistake(text: str) -> None:
    with suppress(Misused):
        datetime.fromisoformat(moment("--since", text, NOW) or "nothing")


@given(st.binary())
def test_any_file_is_an_object_or_a_mistake(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "draft.json"
    path.write_bytes(content)
    with suppress(Misused):
        assert isinstance(read_object(str(path)), dict)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": }', "is not JSON: expecting value, line 1, column 7"),
        ("[1]", "holds a list; expected an object"),
        ('"a"', "holds a text; expected an object"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "draft").write_text(content)
    with pytest.raises(Misused, match=re.escape(words)):
        read_object(str(tmp_path / "draft"))
    with pytest.raises(Misused, match="cannot read .*/none: no such file or directory"):
        read_object(str(tmp_path / "none"))


def test_pairs() -> None:
    assert pair("--metadata", "a=b=c", "=") == ("a", "b=c")
    assert pair("--header", "X-A : b: c ", ":") == ("X-A", "b: c")
    for text in ("a", "=b", " =b"):
        with pytest.raises(Misused, match="expected NAME=VALUE"):
            pair("--metadata", text, "=")


def test_an_agent_is_named_by_its_name_or_its_id() -> None:
    assert (one_agent("Ada", AGENTS), one_agent("B3", AGENTS)) == ("a1", "b3")
    with pytest.raises(Misused, match="2 agents are called 'Bob'; expected an id of b2, b3"):
        one_agent("Bob", AGENTS)
    with pytest.raises(Misused, match="no agent is called 'ada'"):
        one_agent("ada", AGENTS)


def test_versions_become_tags() -> None:
    assert (tag(None), tag("*")) == ({}, {"If-Match": "*"})
    assert tag("3") == tag('"3"') == {"If-Match": '"3"'}
