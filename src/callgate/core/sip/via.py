"""The Via header: where a request came along, and where its responses go."""

import re
from dataclasses import dataclass
from typing import Final

from callgate.core.sip.errors import ParseError
from callgate.core.sip.parameters import TOKEN, Parameters, parameter, parse_parameters, write_parameters
from callgate.core.sip.uri import parse_hostport, write_host

BRANCH_COOKIE: Final = "z9hG4bK"
"""RFC 3261 section 8.1.1.7 (Via): branches that begin with it are unique over space and time."""

_USUAL: Final = "SIP/2.0/"
_VIA: Final = re.compile(
    r"""SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*
    (?P<transport>[A-Za-z0-9\-.!%*_+`'~]+)[ \t]+
    (?P<host>\[[^\]]*\]|[^ \t:;\[\]]+)
    (?:[ \t]*:[ \t]*(?P<port>[0-9]+))?[ \t]*
    (?:;(?P<parameters>.*))?""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Via:
    """One hop, RFC 3261 section 20.42 (Via).

    Attributes:
        transport: upper case: ``UDP``, ``TCP``, ``TLS``, or any other word.
        host: what the sender calls itself; IPv6 without brackets.
        port: ``None`` when absent.
        parameters: names in lower case.
    """

    transport: str
    host: str
    port: int | None
    parameters: Parameters = ()

    @property
    def branch(self) -> str | None:
        """The transaction's identifier; ``None`` from RFC 2543 senders."""
        return parameter(self.parameters, "branch")

    @property
    def received(self) -> str | None:
        """The address the request really came from, without brackets; ``None`` when nobody noted it."""
        value = parameter(self.parameters, "received")
        return value.removeprefix("[").removesuffix("]") if value else value

    @property
    def rport(self) -> int | None:
        """The port the request really came from; ``None`` when absent or still empty.

        Raises:
            ParseError: the value is no port.
        """
        value = parameter(self.parameters, "rport")
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 5 and 1 <= int(value) <= 65535):
            raise ParseError(f"rport is not 1 to 65535: {value!r}")
        return int(value)

    @property
    def wants_rport(self) -> bool:
        """Whether the parameter ``rport`` is there at all, RFC 3581 section 3 (Client Behavior)."""
        return any(name == "rport" for name, _ in self.parameters)

    def stamped(self, address: str, port: int) -> "Via":
        """This hop with the source noted on it.

        RFC 3261 section 18.2.1 (Receiving Requests): ``received`` when the address differs from the host; RFC 3581
        section 4 (Server Behavior): both ``received`` and ``rport`` when ``rport`` was asked for.

        Args:
            address: where the packet or connection came from, IP text without brackets.
            port: likewise.
        """
        wants_rport = self.wants_rport
        if not wants_rport and address == self.host and not self.received:
            return self
        kept = tuple(item for item in self.parameters if item[0] not in ("received", "rport"))
        noted: Parameters = (("received", address),)
        if wants_rport:
            noted = (*noted, ("rport", str(port)))
        return Via(self.transport, self.host, self.port, (*kept, *noted))

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {write_host(self.host)}{port}{write_parameters(self.parameters)}"


def parse_via(text: str) -> Via:
    """Read one element of a Via header.

    Raises:
        ParseError: it is not ``SIP/2.0/transport host[:port][;parameters]``.
    """
    if text.startswith(_USUAL):
        # As nearly everyone writes it. Blanks or tabs elsewhere than before the host are for the whole grammar below.
        transport, _, rest = text[len(_USUAL) :].partition(" ")
        sent_by, semicolon, parameters = rest.partition(";")
        if sent_by and " " not in sent_by and "\t" not in sent_by and TOKEN.fullmatch(transport):
            host, number = parse_hostport(sent_by)
            return Via(transport.upper(), host, number, parse_parameters(parameters) if semicolon else ())
    found = _VIA.fullmatch(text.strip(" \t"))
    if found is None:
        raise ParseError(f"not SIP/2.0/transport host[:port]: {text!r}")
    transport, host, port, parameters = found.groups()
    host, number = parse_hostport(host if port is None else f"{host}:{port}")
    return Via(transport.upper(), host, number, parse_parameters(parameters) if parameters is not None else ())
