"""How long one INVITE of 1.2 kB takes to read, alone and as a ratio against a fixed loop of the same run.

Run it with ``python benchmarks/sip_parse.py``. Compare the ratio between machines and versions: a noisy or slow
machine slows both loops alike.
"""

import time
from collections.abc import Callable

from callgate.core.sip.attempt import attempt_of
from callgate.core.sip.message import Request, respond
from callgate.core.sip.parse import parse
from callgate.core.sip.validate import validate_request

_SDP = (
    "v=0\r\no=- 1700000000 1700000000 IN IP4 203.0.113.7\r\ns=call\r\nc=IN IP4 203.0.113.7\r\nt=0 0\r\n"
    "m=audio 17344 RTP/AVP 0 8 9 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\na=ptime:20\r\n"
)
INVITE = (
    "INVITE sip:+15550100@gate.example.com:5060;transport=udp SIP/2.0\r\n"
    "Record-Route: <sip:203.0.113.7;lr;ftag=gK0a4b1c2d>\r\n"
    "Via: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK1f2e.5d6c7b8a9f.0\r\n"
    "Via: SIP/2.0/UDP 10.20.30.40:5060;received=10.20.30.40;branch=z9hG4bK0aB2c3D4e5F;rport=5060\r\n"
    'From: "Jo Caller" <sip:+15550199@carrier.example.net;isup-oli=62>;tag=gK0a4b1c2d\r\n'
    "To: <sip:+15550100@gate.example.com>\r\n"
    "Call-ID: 1234567890_98765432@10.20.30.40\r\n"
    "CSeq: 38217 INVITE\r\n"
    "Max-Forwards: 68\r\n"
    "Allow: INVITE,ACK,CANCEL,BYE,REFER,INFO,NOTIFY,PRACK,UPDATE,OPTIONS,MESSAGE\r\n"
    "Accept: application/sdp, application/isup, application/dtmf, application/dtmf-relay\r\n"
    'Contact: "Jo Caller" <sip:+15550199@10.20.30.40:5060>\r\n'
    "P-Asserted-Identity: <sip:+15550199@carrier.example.net:5060>\r\n"
    "Supported: timer,100rel,replaces\r\n"
    "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
    "X-Account-Number: 4711\r\n"
    "Content-Disposition: session; handling=optional\r\n"
    "Content-Type: application/sdp\r\n"
    f"Content-Length: {len(_SDP)}\r\n\r\n{_SDP}"
).encode()

_ROUNDS = 7
_REPEATS = 2_000
_SUPPORTED = frozenset({"timer"})


def _best(work: Callable[[], object]) -> float:
    """Microseconds per call in the best of a few rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for _ in range(_REPEATS):
            work()
        best = min(best, time.perf_counter() - began)
    return best / _REPEATS * 1e6


def _reference() -> int:
    """Fixed interpreter work of the kind a parser does: partition, look up, append."""
    table = {"a": 1, "b": 2}
    found = []
    for _ in range(50):
        name, _colon, value = "Header: value of it".partition(":")
        found.append((table.get(name), value.strip()))
    return len(found)


def _read() -> Request:
    message = parse(INVITE)
    assert isinstance(message, Request)
    return message


def main() -> None:
    """Print the figures."""
    reference = _best(_reference)
    print(f"INVITE of {len(INVITE)} bytes; reference loop {reference:.1f} µs")
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("parse", _read),
        ("parse + validate", lambda: validate_request(_read(), supported=_SUPPORTED)),
        ("parse + validate + attempt", lambda: _attempt()),
        ("parse + respond + encode", lambda: respond(_read(), 100).encode()),
    )
    for name, work in steps:
        cost = _best(work)
        print(f"{name:28} {cost:6.1f} µs   ratio {cost / reference:.2f}")


def _attempt() -> object:
    request = _read()
    return attempt_of(request, "203.0.113.7", 5060, "udp", validate_request(request, supported=_SUPPORTED))


if __name__ == "__main__":
    main()
