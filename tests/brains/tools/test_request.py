import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.brains.tools.definition import Credential, Parameter, Place, Tool
from callgate.brains.tools.request import ArgumentsUnfit, chosen, read_arguments, request_of
from callgate.entities.json import Json


def tool(*dynamic: Parameter, **fields: Any) -> Tool:
    return Tool(
        **{"name": "t", "description": "", "kind": "http", "url_pattern": "https://x.example/a", "dynamic": dynamic}
        | fields
    )


def nothing(name: str) -> Json:
    return None


def test_each_parameter_goes_to_its_place() -> None:
    one = tool(
        Parameter("id", Place.PATH),
        Parameter("q", Place.QUERY),
        Parameter("X-Note", Place.HEADER),
        Parameter("items", Place.BODY),
        url_pattern="https://x.example/a/{id}/b?fixed=1",
        fixed=(Parameter("shop", Place.BODY, 7), Parameter("call", Place.BODY, known="KNOWN_PARAM_CALL_ID")),
        credentials=(Credential("key", "s3", in_query=True), Credential("Authorization", "Bearer x")),
    )
    request = request_of(one, {"id": "ä/1", "q": "a b", "X-Note": "hi", "items": [1, "two"]}, lambda name: "the-call")
    assert request.url == "https://x.example/a/%C3%A4%2F1/b?fixed=1&q=a+b&key=s3"
    assert request.headers == {"X-Note": "hi", "Authorization": "Bearer x", "Content-Type": "application/json"}
    assert json.loads(request.body) == {"items": [1, "two"], "shop": 7, "call": "the-call"}
    assert "s3" not in repr(one.credentials)


def test_a_get_has_no_body() -> None:
    request = request_of(tool(Parameter("q", Place.QUERY), method="GET"), {"q": 5}, nothing)
    assert (request.url, request.body, dict(request.headers)) == ("https://x.example/a?q=5", b"", {})


def test_what_the_server_does_not_know_is_left_out() -> None:
    one = tool(fixed=(Parameter("thread", Place.BODY, known="KNOWN_PARAM_THREAD_ID"),))
    assert request_of(one, {}, nothing).body == b"{}"


@pytest.mark.parametrize(
    ("name", "value"), [("X-A", "a\r\nX-B: b"), ("Host", "evil.example"), ("a b", "c"), ("Content-Length", "3")]
)
def test_headers_cannot_be_forged(name: str, value: str) -> None:
    with pytest.raises(ArgumentsUnfit):
        request_of(tool(Parameter(name, Place.HEADER)), {name: value}, nothing)


@pytest.mark.parametrize("value", [".", ".."])
def test_a_path_cannot_be_left(value: str) -> None:
    with pytest.raises(ArgumentsUnfit):
        request_of(tool(Parameter("id", Place.PATH), url_pattern="https://x.example/a/{id}"), {"id": value}, nothing)


def test_a_path_needs_all_its_parts() -> None:
    with pytest.raises(ArgumentsUnfit, match="missing: id"):
        request_of(tool(url_pattern="https://x.example/a/{id}"), {}, nothing)


@given(st.text(st.characters(codec=None)))
def test_whatever_a_model_writes_stays_in_its_place(value: str) -> None:
    one = tool(Parameter("id", Place.PATH), Parameter("q", Place.QUERY), url_pattern="https://x.example/a/{id}/b")
    try:
        request = request_of(one, {"id": value, "q": value}, nothing)
    except ArgumentsUnfit:
        assert value in (".", "..")
        return
    parts = urlsplit(request.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "x.example", "")
    assert parts.path.startswith("/a/")
    assert parts.path.count("/") == 3


@pytest.mark.parametrize("text", ["[1]", "{", "7", "null", '"x"', "[" * 100_000])
def test_arguments_that_are_no_object_are_the_models_fault(text: str) -> None:
    with pytest.raises(ArgumentsUnfit):
        read_arguments(text)


def test_no_arguments_are_fine() -> None:
    assert read_arguments("") == {}


def test_what_is_required_must_be_there_and_what_is_not_known_is_dropped() -> None:
    one = tool(Parameter("a", Place.BODY, required=True), Parameter("b", Place.BODY))
    assert chosen(one, {"a": 1, "z": 2}) == {"a": 1}
    with pytest.raises(ArgumentsUnfit, match="missing: a"):
        chosen(one, {"b": 1})
