import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.dialog import Dialog, Repetition
from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import Headers
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.timers import Timers

INVITE = [
    ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"),
    ("From", '"A;tag=b" <sip:caller@192.0.2.1>;tag=theirs'),
    ("To", "<sip:agent@example.org>"),
    ("Call-ID", "call"),
    ("CSeq", "17 INVITE"),
    ("Contact", "<sip:caller@192.0.2.1:5070>"),
]


def invite(*more: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:agent@example.org", Headers([*INVITE, *more]))


def incoming(*more: tuple[str, str]) -> Dialog:
    return Dialog.of_caller(invite(*more), "ours")


def outgoing(*more: tuple[str, str]) -> Dialog:
    answer = respond(invite(), 200, to_tag="ours", headers=(("Contact", "<sip:agent@198.51.100.1>"), *more))
    return Dialog.of_callee(invite(), answer)


def names(request: Request) -> dict[str, str | None]:
    return {name: request.headers.get(name) for name in ("From", "To", "Call-ID", "CSeq")}


@pytest.mark.rfc("3261", "12.1.1", "UAS behavior")
def test_a_request_of_the_one_who_was_called() -> None:
    bye = incoming().request("BYE", via="SIP/2.0/UDP us;branch=z9hG4bKb")
    assert bye.uri == "sip:caller@192.0.2.1:5070"
    assert names(bye) == {
        "From": "<sip:agent@example.org>;tag=ours",
        "To": '"A;tag=b" <sip:caller@192.0.2.1>;tag=theirs',
        "Call-ID": "call",
        "CSeq": "1 BYE",
    }
    assert bye.headers.get("Max-Forwards") == "70"


@pytest.mark.rfc("3261", "12.1.2", "UAC Behavior")
def test_a_request_of_the_one_who_called() -> None:
    dialog = outgoing()
    bye = dialog.request("BYE", via="v")
    assert bye.uri == "sip:agent@198.51.100.1"
    assert names(bye) == {
        "From": '"A;tag=b" <sip:caller@192.0.2.1>;tag=theirs',
        "To": "<sip:agent@example.org>;tag=ours",
        "Call-ID": "call",
        "CSeq": "18 BYE",
    }
    ack = dialog.request("ACK", via="v", sequence=17)
    assert ack.headers.get("CSeq") == "17 ACK"
    assert dialog.request("INFO", via="v").headers.get("CSeq") == "19 INFO"


def test_both_sides_agree() -> None:
    ours, theirs = incoming(), outgoing()
    assert (ours.local_tag, ours.remote_tag) == (theirs.remote_tag, theirs.local_tag)


@pytest.mark.rfc("3261", "12.1.1", "UAS behavior")
@pytest.mark.rfc("3261", "12.1.2", "UAC Behavior")
def test_the_route_set_is_in_order_for_the_one_and_reversed_for_the_other() -> None:
    routes = (("Record-Route", "<sip:p2;lr>, <sip:p1;lr>"), ("Record-Route", "<sip:p0;lr>"))
    assert incoming(*routes).request("BYE", via="v").headers.all("Route") == [
        "<sip:p2;lr>",
        "<sip:p1;lr>",
        "<sip:p0;lr>",
    ]
    assert outgoing(*routes).request("BYE", via="v").headers.all("Route") == [
        "<sip:p0;lr>",
        "<sip:p1;lr>",
        "<sip:p2;lr>",
    ]
    assert incoming(*routes).next_hop == "sip:p2;lr"


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
def test_a_strict_router_finds_itself_in_the_request_uri() -> None:
    bye = incoming(("Record-Route", '"a<b" <sip:strict.example>, <sip:p1;lr>')).request("BYE", via="v")
    assert bye.uri == "sip:strict.example"
    assert bye.headers.all("Route") == ["<sip:p1;lr>", "<sip:caller@192.0.2.1:5070>"]


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
def test_without_a_route_the_contact_is_the_next_hop_and_can_be_changed() -> None:
    dialog = incoming()
    assert dialog.next_hop == "sip:caller@192.0.2.1:5070"
    dialog.refresh(invite())
    dialog.refresh(Response(200, "OK"))  # without a Contact nothing changes
    assert dialog.next_hop == "sip:caller@192.0.2.1:5070"
    dialog.refresh(Request("INVITE", "sip:x", Headers([("Contact", "<sip:caller@192.0.2.9>")])))
    assert dialog.next_hop == "sip:caller@192.0.2.9"
    for contact in ("<sip:", "<tel:+1>", '"x'):  # nothing that requests could be sent to
        dialog.refresh(Response(200, "OK", Headers([("Contact", contact)])))
        assert dialog.next_hop == "sip:caller@192.0.2.9"


@pytest.mark.rfc("3261", "12.2.1.1", "Generating the Request")
@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "INVITE", "ACK", "OPTIONS"])
def test_every_request_of_ours_takes_the_route_of_its_dialog(method: str) -> None:
    loose = incoming(("Record-Route", "<sip:p2;lr>, <sip:p1;lr>")).request(method, via="v")
    assert (loose.uri, loose.headers.all("Route")) == ("sip:caller@192.0.2.1:5070", ["<sip:p2;lr>", "<sip:p1;lr>"])
    strict = incoming(("Record-Route", "<sip:p2>, <sip:p1;lr>")).request(method, via="v")
    assert (strict.uri, strict.headers.all("Route")) == ("sip:p2", ["<sip:p1;lr>", "<sip:caller@192.0.2.1:5070>"])


@pytest.mark.rfc("3261", "12.1.1", "UAS behavior")
def test_a_peer_of_the_old_standard_has_no_tag() -> None:
    old = Request("INVITE", "sip:a@b", Headers([(name, value.replace(";tag=theirs", "")) for name, value in INVITE]))
    assert Dialog.of_caller(old, "ours").remote_tag == ""


def test_a_contact_that_cannot_be_read_is_told() -> None:
    broken = Request("INVITE", "sip:a@b", Headers([*INVITE[:-1], ("Contact", "<sip:")]))
    with pytest.raises(ParseError, match="Contact"):
        Dialog.of_caller(broken, "ours")


def numbered(number: int) -> Request:
    return Request("INFO", "sip:a@b", Headers([("CSeq", f"{number} INFO")]))


@pytest.mark.rfc("3261", "12.2.2", "UAS Behavior")
@given(st.lists(st.integers(0, 2**31 - 1), max_size=20))
def test_only_newer_requests_are_in_order(numbers: list[int]) -> None:
    dialog, highest = incoming(), 17
    for number in numbers:
        assert dialog.in_order(numbered(number)) == (number > highest)
        highest = max(highest, number)


@pytest.mark.rfc("3261", "13.3.1.4", "The INVITE is Accepted")
def test_an_answer_is_repeated_at_growing_distances_for_64_t1() -> None:
    repetition = Repetition(Timers.of(0.5), begun=100.0)
    sent = []
    while repetition.wake(at := repetition.due()):
        sent.append(at - 100)
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert at == 132
