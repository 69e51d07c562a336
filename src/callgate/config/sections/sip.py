"""SIP: listeners, addresses, timers, connections."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class SipSettings:
    """SIP: listeners, addresses, timers, connections."""

    sip_bind: str = setting(
        "sip.bind",
        "127.0.0.1:5060",
        "Address and port for SIP over UDP and TCP; port 0 picks a free one. 0.0.0.0 listens on every address.",
        flag=True,
    )
    sip_listen: tuple[str, ...] = setting(
        "sip.listen",
        (),
        "Where SIP is listened for besides: transport, address and port, e.g. `tls:0.0.0.0:5061` or `udp:[::]:5060`. "
        "TLS needs `tls.certificate` and `tls.key`.",
        flag=True,
    )
    sip_domain: str = setting(
        "sip.domain",
        "",
        "Accounts get `<slug>.<this>` as their SIP domain. Empty, with one account: the machine's host name.",
        flag=True,
    )
    advertise: tuple[str, ...] = setting(
        "advertise",
        (),
        "IP address put into Via, Contact and SDP for peers outside the local networks: the public one, behind NAT; "
        "one of IPv4 and one of IPv6 at most. Empty: `stun.server` finds it, or our own is told.",
        flag=True,
    )
    stun_server: str = setting(
        "stun.server",
        "",
        "HOST:PORT of a STUN server that says our address from outside, asked at the start, for 5 s at most, and again "
        "every `stun.every_s`. Not asked when `advertise` is set.",
        flag=True,
    )
    stun_every_s: float = setting(
        "stun.every_s",
        300.0,
        "How long what a STUN server said is believed: an address that a provider changes is known within minutes.",
        unit="s",
        lowest=10,
        highest=86_400,
    )
    local_networks: tuple[str, ...] = setting(
        "local_networks",
        (
            "10.0.0.0/8",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
        "Networks whose peers reach this machine at its own address, so that `advertise` is not for them.",
    )
    sip_trusted_proxies: tuple[str, ...] = setting(
        "sip.trusted_proxies",
        (),
        "Addresses of this deployment's own SIP proxies; what they say in X-Callgate-Source is believed.",
    )
    sip_replaces: bool = setting(
        "sip.replaces",
        False,
        "Let an INVITE with Replaces go on with a joined call, from the address that the call came from: for PBXs that "
        "move calls between their own lines. Off, because whoever shares that address can take calls over.",
    )
    sip_refer: bool = setting(
        "sip.refer",
        False,
        "Let a caller send its call on by REFER, to whom `sip.refer_destinations` names: we call them, and the agent "
        "goes on with whoever answers. Off: REFER is declined.",
    )
    sip_refer_destinations: tuple[str, ...] = setting(
        "sip.refer_destinations",
        (),
        "Whom a caller may have us call: `pbx.example.org`, `10.0.0.0/24`, `[2001:db8::5]`, with `:5070` or `:*` (any) "
        "where the port is not the usual one, and `100@` or `2*@` before it for users. A name must stand here as it "
        "stands in the REFER. Keep it short: whoever may call us can make calls to there.",
    )
    sip_outgoing: bool = setting(
        "sip.outgoing",
        False,
        "Let calls of the API be placed over SIP (`medium.sip.outgoing`). Private addresses are called only with "
        "`url.allow_private`. Off, because whoever has an API key can make calls from this node to anywhere.",
    )
    sip_t1_ms: int = setting(
        "sip.t1_ms",
        500,
        "Round-trip estimate; every SIP timer is a multiple of it. RFC 3261 section 17.1.1.1 (Overview of INVITE "
        "Transaction).",
        unit="ms",
        lowest=10,
        highest=10_000,
    )
    sip_session_expires_s: int = setting(
        "sip.session_expires_s",
        1_800,
        "Session interval, RFC 4028: at half of it a call is refreshed, by us unless the caller wants to. What the RFC "
        "recommends; a caller that asks for less has it, down to 90 s.",
        unit="s",
        lowest=90,
        highest=86_400,
    )
    sip_tcp_connections_max: int = setting(
        "sip.tcp_connections_max",
        1_000,
        "Open SIP connections at most, TCP and TLS; each costs a file descriptor and a buffer. Further ones are closed "
        "at once.",
        lowest=1,
        highest=100_000,
    )
    sip_tcp_idle_s: float = setting(
        "sip.tcp_idle_s",
        600.0,
        "A SIP connection that carries no call and no byte for this long is closed.",
        unit="s",
        lowest=10,
        highest=86_400,
    )
    sip_source_connections_max: int = setting(
        "sip.source_connections_max",
        500,
        "Open SIP connections of one admitted source at most: some PBX opens one for each call, and half of all is "
        "left to others.",
        lowest=1,
        highest=100_000,
    )
    sip_stranger_connections_max: int = setting(
        "sip.stranger_connections_max",
        4,
        "Open SIP connections of one stranger at most (of IPv6, of its /64): a mistaken trunk needs one.",
        lowest=1,
        highest=100_000,
    )
    sip_strangers_connections_max: int = setting(
        "sip.strangers_connections_max",
        250,
        "Open SIP connections of all strangers together, so that they never take the room of those who are admitted.",
        lowest=1,
        highest=100_000,
    )
    sip_stranger_connection_s: float = setting(
        "sip.stranger_connection_s",
        30.0,
        "A stranger's SIP connection is closed after this, whatever it sends: enough for a refusal and its ACK.",
        unit="s",
        lowest=1,
        highest=86_400,
    )
