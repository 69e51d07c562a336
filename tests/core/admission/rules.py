"""What the tests of admission share: agents, rules and attempts."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from callgate.core.admission.capacity import Capacity
from callgate.core.admission.policy import AccountPolicy, AdmissionOptions, PolicySet, compile_policy
from callgate.entities.agent import Agent
from callgate.entities.attempt import Attempt
from callgate.entities.sip_config import AgentAllowance, FallbackHandler, SipConfig

DOMAIN = "acme.calls.example"
IDS = tuple(f"0b9c7a8e-0000-4000-8000-00000000000{n}" for n in range(4))
HANDLER = FallbackHandler("https://owner.example/sip", ("secret",))
ROOM = Capacity(calls=3, calls_max=500, sessions_free=100)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
VIDEO = SDP.replace(b"m=audio 40000 RTP/AVP 8 0 101", b"m=video 40000 RTP/AVP 96").replace(b"101 tele", b"96 tele")


def agent(index: int, account_id: str = "acc") -> Agent:
    return Agent(IDS[index], account_id, f"agent{index}", datetime(2026, 1, 1, tzinfo=UTC), None, None)


AGENTS = {IDS[index]: agent(index) for index in range(3)}  # the fourth is gone


def config(*rules: tuple[int, str], ranges: tuple[str, ...] = ("192.0.2.0/24",), **more: Any) -> SipConfig:
    return SipConfig(ranges, allowed_agents=tuple(AgentAllowance(IDS[n], text) for n, text in rules), **more)


def policy(
    rules: SipConfig, *, account_id: str = "acc", domain: str = DOMAIN, version: int = 7, **limits: int
) -> AccountPolicy:
    return compile_policy(account_id=account_id, domain=domain, config=rules, version=version, agents=AGENTS, **limits)


def policies(rules: SipConfig, **options: Any) -> PolicySet:
    return PolicySet((policy(rules),), AdmissionOptions(**options))


INVITE = Attempt(
    source_address="192.0.2.7",
    source_port=5060,
    transport="udp",
    request_uri=f"sip:+15551234@{DOMAIN}",
    to_uri=f"sip:+15551234@{DOMAIN}",
    from_uri="sip:alice@peer.example",
    from_display_name="Alice",
    call_id="c1",
    content_type="application/sdp",
    body=SDP,
)


def invite(to: str | None = None, request: str | None = None, **more: Any) -> Attempt:
    """An attempt to a user; the Request-URI is that of To unless said otherwise."""
    if to is not None:
        more.setdefault("to_uri", f"sip:{to}@{DOMAIN}")
        more.setdefault("request_uri", f"sip:{request if request is not None else to}@{DOMAIN}")
    return replace(INVITE, **more)
