"""The parts of headers: URIs, addresses, Via, CSeq, parameters, lists."""

from collections.abc import Callable
from typing import Any

from callgate.core.sip.cseq import parse_cseq
from callgate.core.sip.errors import ParseError
from callgate.core.sip.headers import split_commas
from callgate.core.sip.name_addr import parse_name_addr
from callgate.core.sip.parameters import parse_parameters, quote, unquote, write_parameters
from callgate.core.sip.replaces import parse_replaces
from callgate.core.sip.uri import dialled_user, parse_hostport, parse_uri, uri_host, write_host
from callgate.core.sip.via import parse_via


def check(data: bytes) -> None:
    """Nothing but `ParseError`; what was read and is written reads the same; nothing breaks out of its line."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (parse_uri, parse_name_addr, parse_via, parse_cseq, parse_replaces):
        _written_alike(read, text)
    _written_alike(_parameters, text)
    _written_alike(_hostport, text)
    _split(text)
    user = dialled_user(text)
    assert user is None or (user and "\x00" not in user)
    host = uri_host(text)
    assert host is None or host == host.lower()
    assert unquote(quote(text)) == text


def _written_alike(read: Callable[[str], Any], text: str) -> None:
    try:
        value = read(text)
    except ParseError as error:
        assert error.reason
        return
    written = str(value)
    assert read(written) == value, (text, written)
    if "\r" not in text and "\n" not in text:
        assert "\r" not in written
        assert "\n" not in written
    for name in ("rport", "received", "branch", "tag", "transport", "loose"):
        try:
            getattr(value, name, None)
        except ParseError as error:
            assert error.reason


class _Written(tuple[Any, ...]):
    """Something read, which writes itself."""

    def __new__(cls, value: tuple[Any, ...], written: str) -> "_Written":
        made = super().__new__(cls, value)
        made.written = written
        return made

    written: str

    def __str__(self) -> str:
        return self.written


def _parameters(text: str) -> _Written:
    found = parse_parameters(text)
    return _Written(found, write_parameters(found)[1:])


def _hostport(text: str) -> _Written:
    host, port = parse_hostport(text)
    return _Written((host, port), write_host(host) + ("" if port is None else f":{port}"))


def _split(text: str) -> None:
    try:
        elements = split_commas(text)
    except ParseError as error:
        assert error.reason
        return
    assert elements
    assert sum(map(len, elements)) <= len(text)
    assert split_commas(",".join(elements)) == elements


if __name__ == "__main__":
    from tests.fuzz.running import run

    run("sip_address")
