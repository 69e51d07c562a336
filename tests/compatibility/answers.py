"""What every answer of the API must be, whichever test asks: valid by the public component that it claims to be."""

from typing import Any
from urllib.parse import urlsplit

from tests.compatibility.surface import mistakes, operation_of

_METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE"))
_ERRORS = frozenset((400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 425, 429, 500, 503))


def check_answer(method: str, url: str, status: int, body: Any) -> None:
    """Raise unless an answer is one that clients of the public service understand.

    Args:
        method: of the request.
        url: with or without host and query.
        status: of the answer.
        body: JSON, read; ``None``: none; text: something else than JSON.
    """
    path = urlsplit(url).path
    operation = operation_of(method, path)
    if not path.startswith("/api/") or method not in _METHODS:
        return
    if status >= 400:
        assert status in _ERRORS, f"{method} {path}: {status}"
        assert _is_refusal(status, body), f"{method} {path}: {status}: not the shape of a refusal: {body}"
        return
    if operation is None or "default" in operation.told["answers"]:
        return
    assert str(status) in operation.told["answers"], f"{operation.name}: unexpected status {status}"
    schema = operation.answer(status)
    if schema is not None and not (isinstance(body, str) and len(operation.told["answers"][str(status)]) > 1):
        found = mistakes(schema, body)
        assert not found, f"{operation.name}: not the public answer:\n" + "\n".join(found)


def check_call(body: Any) -> None:
    """Raise unless something is the public Call, as events carry it."""
    found = mistakes({"$ref": "Call"}, body)
    assert not found, "not the public Call:\n" + "\n".join(found)


def _is_refusal(status: int, body: Any) -> bool:
    if isinstance(body, dict) and set(body) == {"detail"} and isinstance(body["detail"], str):
        return bool(body["detail"])
    return status == 400 and isinstance(body, dict) and bool(body) and _is_mistakes(body)


def _is_mistakes(node: Any) -> bool:
    """The nested shape of a 400: lists of words, by field, by index."""
    if isinstance(node, dict):
        return all(_is_mistakes(inner) for inner in node.values())
    return isinstance(node, list) and all(
        isinstance(one, str) or (isinstance(one, dict) and _is_mistakes(one)) for one in node
    )
