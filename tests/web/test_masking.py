"""What stands in an answer to a key that only reads."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from callgate.web.masking import MASK, Masking, hide_secrets, masked

_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "secrets", "authTokens", "password"]), inner, max_size=3)
    ),
)


def without_secrets(value: Any) -> Any:
    """What of a value is no secret."""
    if isinstance(value, dict):
        return {name: without_secrets(item) for name, item in value.items() if name == "name"}
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


@given(value=_VALUES)
def test_everything_but_secrets_stays(value: Any) -> None:
    assert without_secrets(masked(value)) == without_secrets(value)


@given(value=_VALUES)
def test_of_a_secret_only_the_shape_is_seen(value: Any) -> None:
    def leaves(item: Any) -> list[Any]:
        if isinstance(item, dict | list):
            return [leaf for one in (item.values() if isinstance(item, dict) else item) for leaf in leaves(one)]
        return [item]

    assert set(leaves(masked({"secrets": value}))) <= {MASK, None}
    assert len(leaves(masked({"secrets": value}))) == len(leaves(value))


async def through(parts: list[bytes], kind: bytes, *, hide: bool) -> list[Message]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if hide:
            hide_secrets(scope)
        headers = [(b"content-type", kind), (b"content-length", str(len(b"".join(parts))).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts) - 1})

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Masking(app)({"type": "http"}, receive, send)
    return sent


async def test_an_answer_in_parts_is_hidden_whole_and_its_length_is_right() -> None:
    start, body = await through([b'{"secr', b'et":"abc"}'], b"application/json", hide=True)
    assert msgspec.json.decode(body["body"]) == {"secret": MASK}
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()


async def test_what_is_no_json_and_what_another_key_asked_for_goes_through_as_it_comes() -> None:
    for kind, hide in ((b"audio/wav", True), (b"application/json", False)):
        _, first, last = await through([b'{"secret":', b'"abc"}'], kind, hide=hide)
        assert (first["body"], last["body"]) == (b'{"secret":', b'"abc"}')
