"""One datagram of SIP: read, judged, answered, written again."""

from typing import Final

from callgate.core.sip.attempt import attempt_of
from callgate.core.sip.dialog import Dialog
from callgate.core.sip.errors import ParseError, SipError
from callgate.core.sip.limits import HEADER_COUNT_MAX, HEADER_LINE_CHARS_MAX, MESSAGE_BYTES_MAX, START_LINE_CHARS_MAX
from callgate.core.sip.message import Message, Request, Response, respond
from callgate.core.sip.parse import parse
from callgate.core.sip.stateless import refuse_statelessly
from callgate.core.sip.uri import dialled_user
from callgate.core.sip.validate import validate_request, validate_response
from callgate.entities.attempt import Attempt

_SUPPORTED: Final = frozenset({"timer"})
_SECRET: Final = b"secret"


def check(data: bytes) -> None:
    """Nothing but `ParseError` is raised; what can be read can be written, judged, stored and answered."""
    try:
        message = parse(data)
    except ParseError as error:
        assert error.reason
        assert 400 <= error.status <= 699
        if error.partial is not None:
            _refused(error.partial, error.status, len(data))
        return
    _written_alike(message)
    _asked_for_everything(message)
    if isinstance(message, Response):
        validate_response(message)
        return
    defect = validate_request(message, supported=_SUPPORTED)
    attempt = attempt_of(message, "::ffff:192.0.2.1", 5060, "udp", defect)
    _storable(attempt)
    _refused(message, 403 if defect is None else defect.status, len(data))
    if defect is None:
        _served(message)


def _written_alike(message: Request | Response) -> None:
    """Written and read again it is the same; written once more, the same bytes."""
    wire = message.encode()
    if not _within_limits(wire):
        return  # a Content-Length that it lacked took it over one
    again = parse(wire)
    assert type(again) is type(message)
    assert repr(again) == repr(message)
    assert _fields(again) == _fields(message)
    assert again.body == message.body
    assert again.encode() == wire


def _fields(message: Message) -> list[tuple[str, str]]:
    return [item for item in message.headers if item[0] != "Content-Length"]


def _asked_for_everything(message: Request | Response) -> None:
    for name in (
        "via",
        "vias",
        "cseq",
        "from_",
        "to",
        "call_id",
        "contact",
        "contacts",
        "content_type",
        "max_forwards",
    ):
        try:
            getattr(message, name)
        except ParseError as error:
            assert error.reason
    for name in ("Route", "Record-Route", "Require", "Supported"):
        try:
            message.headers.elements(name)
        except ParseError as error:
            assert error.reason


def _refused(request: Request, status: int, size: int) -> None:
    """It can be answered, and the answer says nothing more than a peer may have it say."""
    answer = respond(request, status, to_tag="t")
    wire = answer.encode()
    if _within_limits(wire):  # what is refused for a long line has it in its answer too
        read = parse(wire)
        assert isinstance(read, Response)
        assert read.status == status
        assert {name for name, _ in read.headers} <= {"Via", "From", "To", "Call-ID", "CSeq", "Content-Length"}
    stateless = refuse_statelessly(request, status, secret=_SECRET, size_max=size)
    assert stateless is None or len(stateless) <= size


def _storable(attempt: Attempt) -> None:
    texts = [attempt.request_uri, attempt.to_uri, attempt.from_uri or "", attempt.from_display_name or ""]
    texts += [attempt.call_id, attempt.content_type or "", attempt.defect.reason if attempt.defect else ""]
    texts += [value for _, value in attempt.headers]
    for text in texts:
        text.encode("utf-8")
        assert "\x00" not in text
        assert "\r" not in text
        assert "\n" not in text
    dialled_user(attempt.request_uri)
    dialled_user(attempt.to_uri)


def _served(request: Request) -> None:
    """A well-formed request can be stamped and, if it is an INVITE, begins a dialog in which we can speak."""
    request.stamp_source("2001:db8::1", 65_535)
    assert request.via.received in ("2001:db8::1", None)
    if request.method != "INVITE" or request.to.tag is not None:  # with a tag it has a dialog, or gets 481
        return
    dialog = Dialog.of_caller(request, "ours")
    bye = dialog.request("BYE", via="SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKx").encode()
    if _within_limits(bye):
        read = parse(bye)
        assert isinstance(read, Request)
        assert read.method == "BYE"
        assert read.call_id == request.call_id
        assert read.from_.tag == "ours"
        assert read.to.tag == request.from_.tag
    try:
        assert dialog.next_hop
    except SipError as error:
        raise AssertionError("a validated request has a next hop") from error


def _within_limits(wire: bytes) -> bool:
    lines = wire.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return (
        len(wire) <= MESSAGE_BYTES_MAX
        and len(lines) - 1 <= HEADER_COUNT_MAX
        and len(lines[0]) <= START_LINE_CHARS_MAX
        and max(map(len, lines)) <= HEADER_LINE_CHARS_MAX
    )


if __name__ == "__main__":
    from tests.fuzz.running import run

    run("sip_message")
