"""The torture messages of RFC 4475 and RFC 5118, judged by outcome; and mutations of them."""

import random
from pathlib import Path

import pytest

from callgate.core.sip.attempt import attempt_of
from callgate.core.sip.errors import ParseError
from callgate.core.sip.message import Request, Response, respond
from callgate.core.sip.parse import parse
from callgate.core.sip.stream import StreamFramer
from callgate.core.sip.uri import dialled_user
from callgate.core.sip.validate import validate_request, validate_response
from tests.torture.manifest import ACCEPT, DROP, VECTORS, Vector

HERE = Path(__file__).parent
SUPPORTED = frozenset({"timer"})


def read(path: str) -> bytes:
    return (HERE / path).read_bytes()


def outcome(data: bytes) -> tuple[str | int, str]:
    """What the message layer makes of one datagram, and why."""
    try:
        message = parse(data)
    except ParseError as error:
        if error.partial is None:
            return DROP, error.reason
        respond(error.partial, error.status, error.reason, to_tag="t").encode()
        return error.status, error.reason
    if isinstance(message, Response):
        defect = validate_response(message)
        return (ACCEPT, "") if defect is None else (DROP, defect.reason)
    defect = validate_request(message, supported=SUPPORTED)
    return (ACCEPT, "") if defect is None else (defect.status, defect.reason)


@pytest.mark.parametrize(
    "vector",
    [
        pytest.param(
            vector,
            id=Path(vector.path).stem,
            marks=[
                pytest.mark.rfc(vector.rfc, vector.section, vector.title),
                *([pytest.mark.xfail(strict=True, reason=vector.unmet)] if vector.unmet else []),
            ],
        )
        for vector in VECTORS
    ],
)
def test_each_vector_gets_what_it_is_owed(vector: Vector) -> None:
    got, why = outcome(read(vector.path))
    assert (got, why if vector.word not in why else vector.word) == (vector.owed, vector.word), why


def test_every_vector_is_listed_once() -> None:
    files = sorted(str(path.relative_to(HERE)) for path in HERE.glob("rfc*/*.dat"))
    assert sorted(vector.path for vector in VECTORS) == files
    sections = [vector.section for vector in VECTORS if vector.rfc == "4475"]
    assert len(set(sections)) == len(sections) == 49
    assert {vector.section for vector in VECTORS if vector.rfc == "5118"} == {f"4.{n}" for n in range(1, 11)}


@pytest.mark.parametrize("path", [vector.path for vector in VECTORS if vector.owed == ACCEPT])
def test_accepted_vectors_survive_writing(path: str) -> None:
    message = parse(read(path))
    again = parse(message.encode())
    assert [item for item in again.headers if item[0] != "Content-Length"] == [
        item for item in message.headers if item[0] != "Content-Length"
    ]
    assert again.body == message.body


def request(path: str) -> Request:
    message = parse(read(path))
    assert isinstance(message, Request)
    return message


def test_short_tortuous_invite_is_understood() -> None:
    invite = request("rfc4475/wsinv.dat")
    assert invite.to.uri == "sip:vivekg@chair-dnrc.example.com"
    assert invite.to.tag == "1918181833n"
    assert invite.from_.display_name == 'J Rosenberg \\"'
    assert invite.from_.tag == "98asjd8"
    assert (invite.cseq.number, invite.cseq.method, invite.max_forwards) == (9, "INVITE", 68)
    assert [via.host for via in invite.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert invite.via.branch == "390skdjuw"
    assert invite.vias[1].branch == "z9hG4bK9ikj8"
    assert invite.contact is not None
    assert invite.contact.display_name == 'Quoted string ""'
    assert invite.contact.parameter("q") == "0.33"
    assert invite.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert len(invite.body) == 150


def test_wide_range_of_characters_is_understood() -> None:
    strange = request("rfc4475/intmeth.dat")
    assert strange.method == "!interesting-Method0123456789_*+`.%indeed'~" == strange.cseq.method
    assert strange.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert strange.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert strange.from_.parameter("fromparam''~+*_!.-%") == "работающий"
    assert strange.from_.tag == "_token~1'+`*%!-."


def test_escapes_are_undone_once_where_a_user_is_compared() -> None:
    escaped = request("rfc4475/esc01.dat")
    assert dialled_user(escaped.uri) == "sips:user@example.com"
    assert dialled_user(escaped.to.uri) == "user"
    assert dialled_user(request("rfc4475/escnull.dat").to.uri) is None


def test_escaped_header_name_is_another_header() -> None:
    register = request("rfc4475/esc02.dat")
    assert [contact.uri for contact in register.contacts] == [
        "sip:alias1@host1.example.com",
        "sip:alias3@host3.example.com",
    ]


def test_semicolon_in_the_user_part_does_not_end_it() -> None:
    assert dialled_user(request("rfc4475/semiuri.dat").uri) == "user"


def test_second_message_of_a_datagram_is_not_read() -> None:
    assert request("rfc4475/dblreq.dat").method == "REGISTER"


def test_received_is_read_with_and_without_brackets() -> None:
    assert request("rfc5118/via-received-param-with-delim.dat").via.received == "2001:db8::9:255"
    assert request("rfc5118/via-received-param-no-delim.dat").via.received == "2001:db8::9:255"


def mutate(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Change a few places: flip, drop, double, insert what matters to a parser, or splice in another message."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(6):
            case 0 if at < len(changed):
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randint(1, 20)]
            case 2:
                changed[at:at] = changed[at : at + chance.randint(1, 60)]
            case 3:
                changed[at:at] = chance.choice(
                    (
                        b"\r\n",
                        b"\r",
                        b"\n",
                        b'"',
                        b"<",
                        b">",
                        b";",
                        b",",
                        b":",
                        b"@",
                        b"%",
                        b"\x00",
                        b"\xff",
                        b" ",
                        b"[",
                    )
                )
            case 4:
                other = chance.choice(others)
                cut = chance.randrange(len(other))
                changed[at:] = other[cut:]
            case _:
                changed[at:at] = b"9" * chance.randint(1, 40)
    return bytes(changed)


def test_no_mutation_breaks_the_message_layer() -> None:
    """Seeded and bounded: whatever comes, only `ParseError` is raised; answers and records can always be written."""
    chance = random.Random(4475)
    vectors = [read(vector.path) for vector in VECTORS]
    accepted = 0
    for _ in range(4_000):
        data = mutate(chance.choice(vectors), chance, vectors)
        got, why = outcome(data)
        accepted += got == ACCEPT
        assert got == ACCEPT or why
        try:
            message: Request | Response | None = parse(data)
        except ParseError as error:
            message = error.partial
        if isinstance(message, Request):
            attempt = attempt_of(message, "::ffff:192.0.2.1", 5060, "udp", None)
            for text in (
                attempt.to_uri,
                attempt.request_uri,
                attempt.call_id,
                *(value for _, value in attempt.headers),
            ):
                assert text.encode("utf-8") is not None
                assert "\x00" not in text
            dialled_user(attempt.request_uri)
            answer = parse(respond(message, 200, to_tag="t").encode())
            assert isinstance(answer, Response)
        framer = StreamFramer()
        try:
            framer.feed(data)
        except ParseError:
            assert framer.error is not None
    assert 400 < accepted < 3_600  # the mutations are neither all fatal nor all harmless
