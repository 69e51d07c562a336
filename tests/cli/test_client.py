"""How the API is asked: against a server that does what a test wants, and against the real one."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callgate.cli.client import Client, at
from callgate.cli.errors import Failed, Refused, Unreachable
from callgate.cli.node import Node
from tests.cli.operator import Operator
from tests.cli.scripted_server import Reply, ScriptedServer, reply
from tests.peers.gate import API_KEY, Gate

KEY = "abcdefgh." + "k" * 32


def client_of(server: ScriptedServer, path: str = "", sleep: Callable[[float], None] = lambda s: None) -> Client:
    return Client(Node(server.url + path, KEY, "a test"), sleep=sleep)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    one = ScriptedServer()
    yield one
    one.close()


def page(results: list[Any], following: str | None) -> Reply:
    return reply({"next": following, "previous": None, "results": results, "total": 5})


def test_lists_are_followed_by_the_query_of_next_at_the_address_that_is_known(server: ScriptedServer) -> None:
    # The node may think that it is elsewhere: behind a proxy, or with ill intent.
    server.replies = [
        page([1, 2], "http://elsewhere.example/api/things?cursor=Zm9v%3D&pageSize=2"),
        page([3, 4], "https://elsewhere.example/api/things?cursor=YmFy&pageSize=2"),
        page([5], None),
    ]
    found = client_of(server, "/gate").listed("/api/things", [("search", "a b"), ("sort", None)])
    assert found["results"] == [1, 2, 3, 4, 5]
    assert server.asked == [
        "GET /gate/api/things?search=a+b&pageSize=100",
        "GET /gate/api/things?cursor=Zm9v%3D&pageSize=2",
        "GET /gate/api/things?cursor=YmFy&pageSize=2",
    ]
    assert server.keys == [KEY] * 3


def test_a_limit_ends_a_list_and_its_next_page_stays_named(server: ScriptedServer) -> None:
    server.replies = [page([1, 2], "http://x/?cursor=a"), page([3, 4], "http://x/?cursor=b")]
    found = client_of(server).listed("/api/things", limit=3)
    assert (found["results"], found["next"], found["total"]) == ([1, 2, 3], "http://x/?cursor=b", 5)
    assert server.asked == ["GET /api/things?pageSize=3", "GET /api/things?cursor=a"]


def test_a_limit_of_requests_is_waited_for(server: ScriptedServer) -> None:
    waited: list[float] = []
    busy = reply({"detail": "too many requests"}, 429, **{"Retry-After": "2"})
    server.replies = [busy, busy, reply({"a": 1})]
    assert client_of(server, sleep=waited.append).get("/x").body == {"a": 1}
    assert waited == [2.0, 2.0]
    server.replies = [reply({"detail": "too many requests"}, 429, **{"Retry-After": "60"})]
    with pytest.raises(Refused, match=r"^too many requests \(429\); again in 60 s$"):
        client_of(server, sleep=waited.append).get("/x")
    server.replies = [busy]  # for ever
    with pytest.raises(Refused):
        client_of(server, sleep=waited.append).get("/x")
    assert waited == [2.0] * 5


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        (reply({"detail": "no such call: x"}, 404), "no such call: x (404)"),
        (reply({"detail": "the API key is not known"}, 401), "the API key is not known (401); the key is from a test"),
        (reply({"a": ["one", "two"], "b": {"1": ["three"]}}, 400), "a: one\na: two\nb.1: three"),
        (reply({"c": [{}, {"d": ["four; five"]}]}, 400), "c[1].d: four; five"),
        (reply({"non_field_errors": ["six"]}, 400), "six"),
        (reply(None, 500), "the node answers with 500 Internal Server Error"),
    ],
)
def test_refusals_are_words(server: ScriptedServer, answered: Reply, words: str) -> None:
    server.replies = [answered]
    with pytest.raises(Refused) as raised:
        client_of(server).get("/x")
    assert str(raised.value) == words


@pytest.mark.parametrize(
    "answered", [(200, {"Content-Type": "text/html"}, b"<html>"), (200, {"Content-Type": "application/json"}, b"{"),
                 (502, {"Content-Type": "text/html"}, b"<html>")]
)  # fmt: skip
def test_what_is_no_callgate_is_said_to_be_none(server: ScriptedServer, answered: Reply) -> None:
    server.replies = [answered]
    with pytest.raises(Failed, match=r"where a node answers with JSON; is it a Callgate\?"):
        client_of(server).get("/x")


def test_an_answer_that_breaks_off_is_a_lost_node(server: ScriptedServer) -> None:
    server.replies = [(200, {"Content-Type": "application/json", "Content-Length": "10"}, b"{}")]
    with pytest.raises(Unreachable, match="was reached, but gave no answer"):
        client_of(server).get("/x")


def test_a_redirect_is_not_followed_with_the_key(server: ScriptedServer) -> None:
    server.replies = [(302, {"Location": f"{server.url}/stolen", "Content-Length": "0"}, b"")]
    assert client_of(server).get("/x").status == 302
    assert server.asked == ["GET /x"]


def test_ids_that_people_give_stay_one_segment() -> None:
    assert at("/api/calls", "a/../b?c#d", "messages") == "/api/calls/a%2F..%2Fb%3Fc%23d/messages"


def test_the_key_is_in_no_message_even_when_the_server_says_it(server: ScriptedServer) -> None:
    server.replies = [reply({"detail": f"who is {KEY}?"}, 403)]
    typed = Operator(server.url, KEY).types("sip", "get", code=1)
    assert (typed.out, typed.err) == ("", "callgate: who is (the key)? (403)\n")


def test_a_file_is_written_once(gate: Gate, tmp_path: Path) -> None:
    client = Client(Node(gate.url, API_KEY, "a test"))
    size = client.download("/api/agents", tmp_path / "agents")
    assert json.loads((tmp_path / "agents").read_bytes()) == gate.get("/api/agents")
    assert size == (tmp_path / "agents").stat().st_size
    with pytest.raises(FileExistsError):
        client.download("/api/agents", tmp_path / "agents")
    with pytest.raises(Refused, match="no such agent"):
        client.download("/api/agents/none", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_of_a_file_that_breaks_off_nothing_stays(server: ScriptedServer, tmp_path: Path) -> None:
    server.replies = [(200, {"Content-Type": "audio/wav", "Content-Length": "10"}, b"RIFF")]
    with pytest.raises(Unreachable, match="6 bytes short"):
        client_of(server).download("/x", tmp_path / "x.wav")
    assert list(tmp_path.iterdir()) == []
