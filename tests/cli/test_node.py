"""Which node is asked, and with which key."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.cli.errors import Misused
from callgate.cli.node import find_node
from tests.cli.operator import Operator
from tests.peers.gate import API_KEY, Gate

KEY = "abcdefgh." + "k" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "api-key").write_text(KEY + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (None, {}, "http://127.0.0.1:8080"),
        (None, {"CALLGATE_HTTP_BIND": "0.0.0.0:9000"}, "http://127.0.0.1:9000"),
        (None, {"CALLGATE_HTTP_BIND": "[::]:9000"}, "http://[::1]:9000"),
        (None, {"CALLGATE_HTTP_BIND": "localhost:9000"}, "http://localhost:9000"),
        (None, {"CALLGATE_URL": "http://127.0.0.1:1/", "CALLGATE_HTTP_BIND": "127.0.0.1:9"}, "http://127.0.0.1:1"),
        ("http://localhost:2/gate/", {"CALLGATE_URL": "http://127.0.0.1:1"}, "http://localhost:2/gate"),
    ],
)
def test_the_first_that_says_where_counts(
    folder: Path, url: str | None, environment: dict[str, str], expected: str
) -> None:
    node = find_node(url, None, folder, environment)
    assert (node.url, node.key, node.key_from) == (expected, KEY, str(folder / "api-key"))


def test_the_first_that_has_a_key_counts(folder: Path) -> None:
    environment = {"CALLGATE_API_KEY": "from-environment", "CALLGATE_DATA_DIR": str(folder)}
    assert find_node(None, "given", None, environment).key == "given"
    assert find_node(None, None, folder, environment).key == "from-environment"
    del environment["CALLGATE_API_KEY"]
    assert find_node(None, None, None, environment).key == KEY


def test_the_folders_key_is_not_sent_to_another_machine(folder: Path) -> None:
    with pytest.raises(Misused, match="no API key for https://gate.example; expected it in CALLGATE_API_KEY"):
        find_node("https://gate.example", None, folder, {})
    assert find_node("https://gate.example", None, folder, {"CALLGATE_API_KEY": KEY}).key == KEY


def test_no_message_holds_a_key(tmp_path: Path) -> None:
    bad = "hunter2 and a half"
    (tmp_path / "api-key").write_text(bad)
    for key, environment in ((bad, {}), (None, {"CALLGATE_API_KEY": bad}), (None, {})):
        with pytest.raises(Misused, match="holds no API key; expected 8 letters or digits") as raised:
            find_node(None, key, tmp_path, environment)
        assert "hunter2" not in str(raised.value)
    assert KEY not in repr(find_node(None, KEY, None, {}))


def test_a_folder_without_a_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misused, match=r"there is no file .*api-key; expected CALLGATE_API_KEY, or to be run in the"):
        find_node(None, None, tmp_path, {})
    (tmp_path / "api-key").mkdir()
    with pytest.raises(Misused, match="cannot read the API key in .*: is a directory"):
        find_node(None, None, tmp_path, {})


@pytest.mark.parametrize(
    "url",
    ["gate", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://a b", "http://me:pw@a", "http://a/?k=v"],
)
def test_what_is_no_url_of_a_node(url: str) -> None:
    with pytest.raises(Misused, match="expected e.g. http://127.0.0.1:8080") as raised:
        find_node(url, KEY, None, {})
    assert "pw" not in str(raised.value)


@given(st.text(), st.text())
def test_anything_is_a_node_or_a_mistake(url: str, key: str) -> None:
    with suppress(Misused):
        assert find_node(url, key, Path("/nonexistent"), {}).url.startswith("http")


def test_it_just_works_where_the_node_was_started(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "callgate-data").mkdir()
    (tmp_path / "callgate-data" / "api-key").write_text(API_KEY)
    operator = Operator(gate.url)
    operator.environment = {"CALLGATE_HTTP_BIND": gate.url.removeprefix("http://")}
    process = operator.starts("agents", "list", cwd=tmp_path)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert "demo" in out


def test_a_node_that_is_not_there_is_one_line_that_says_how_to_start_one() -> None:
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        typed = Operator(url).types("sip", "get", code=1)
    assert typed.out == ""
    assert typed.err == (
        f"callgate: no node answers at {url} (connection refused); start one with `callgate serve`, or say with --url "
        "or CALLGATE_URL where it is\n"
    )
