"""Every setting, declared once: name, default, unit, limits, reason and help. Loading, `--help` and docs read this.

A setting ``sip.bind`` is ``sip_bind`` in the code, ``--sip-bind`` as a flag, ``CALLGATE_SIP_BIND`` in the environment
and ``bind`` under ``[sip]`` in the TOML file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from callgate.config.callers import ListedCaller
from callgate.config.declaration import Declaration, setting
from callgate.config.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a node."""

    # ---------------------------------------------------------------------------------------------------- the node
    data_dir: str = setting(
        "data.dir",
        "callgate-data",
        "Folder of the database and of the API key of the first account; made when missing.",
        flag=True,
    )
    api_key: str = setting(
        "api.key",
        "",
        "Fixes the API key of the first account (8 letters or digits, a dot, 32 letters or digits). "
        "Empty: one is made.",
        secret=True,
    )
    log_format: str = setting(
        "log.format",
        "console",
        "How log lines are written to standard error: for people or for machines.",
        choices=("console", "json"),
        flag=True,
    )
    drain_timeout_s: float = setting(
        "drain.timeout_s",
        10.0,
        "How long calls in progress may go on after the first Ctrl-C before they are hung up; a second Ctrl-C ends it.",
        unit="s",
        lowest=0,
        highest=86_400,
        flag=True,
    )

    # ------------------------------------------------------------------------------------------------------- HTTP
    http_bind: str = setting(
        "http.bind",
        "127.0.0.1:8080",
        "Address and port of the HTTP API; port 0 picks a free one. Only this machine by default: the "
        "key is a password.",
        flag=True,
    )
    http_body_bytes_max: int = setting(
        "http.body_bytes_max",
        1_048_576,
        "Longest request body; a configuration at all its limits stays under 300 kB.",
        unit="bytes",
        lowest=1_024,
        highest=67_108_864,
    )

    # --------------------------------------------------------------------------------------- clients without a phone
    join_bind: str = setting(
        "join.bind",
        "",
        "Address and port where clients join the calls that the API made for them, over WebSockets. Empty: the host of "
        "`http.bind`, and a free port.",
        flag=True,
    )
    join_url: str = setting(
        "join.url",
        "",
        "What a `joinUrl` begins with, e.g. wss://voice.example.org, when a proxy that speaks TLS stands before "
        "`join.bind`. Empty: ws:// and that address.",
        flag=True,
    )

    # -------------------------------------------------------------------------------------------------------- SIP
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

    # -------------------------------------------------------------------------------------------------------- TLS
    tls_certificate: str = setting(
        "tls.certificate",
        "",
        "File of our certificate in PEM, with those between it and its root. Read again when it changes; connections "
        "stay.",
    )
    tls_key: str = setting(
        "tls.key",
        "",
        "File of its key in PEM, without a password.",
    )
    tls_client_ca: str = setting(
        "tls.client_ca",
        "",
        "File of who signs the certificates that callers must show, in PEM. Empty: none is asked for.",
    )
    tls_client_required: bool = setting(
        "tls.client_required",
        True,
        "With `tls.client_ca`: turn away who shows no certificate. Off: only who shows a wrong one.",
    )
    tls_peer_ca: str = setting(
        "tls.peer_ca",
        "",
        "File of who signs the certificates of peers that we connect to, in PEM. Empty: the system's.",
    )
    tls_peer_verify: bool = setting(
        "tls.peer_verify",
        True,
        "Look at the certificates of peers that we connect to. Off: for a network where they are homemade.",
    )

    # -------------------------------------------------------------------------------------------------- admission
    to_user_from: str = setting(
        "to_user_from",
        "both",
        "Which dialled user the rules look at: that of To, that of the Request-URI, or both, To first.",
        choices=("both", "to", "request_uri"),
    )
    no_rule_status: int = setting(
        "no_rule_status",
        603,
        "Answer to a call that no rule lets through; 603 also ends the other branches of a forked call.",
        choices=("603", "404", "480"),
    )
    account_limit_status: int = setting(
        "account_limit_status",
        480,
        "Answer when an account has as many calls as it may; a 503 would make a trunk give up the whole host.",
        choices=("480", "486"),
    )
    account_calls_max: int = setting(
        "account.calls_max",
        0,
        "Calls an account may have at a time; 0: as many as the node carries.",
        lowest=0,
    )
    calls_max: int = setting(
        "calls.max",
        250,
        "Calls this node takes at a time: what a small machine of two cores carries when models speak 16 kHz. "
        "`callgate bench media` measures yours.",
        lowest=1,
        highest=100_000,
        flag=True,
    )
    source_calls_per_s: float = setting(
        "source.calls_per_s",
        0.0,
        "New calls an admitted source may bring per second, in the mean of ten; 0: no limit.",
        unit="1/s",
        lowest=0,
    )
    retry_after_s: int = setting(
        "retry_after_s",
        10,
        "What a 503 tells the peer to wait: long enough for a call to end, short enough not to lose the next.",
        unit="s",
        lowest=1,
        highest=3_600,
    )
    caller_auth_mode: str = setting(
        "caller_auth.mode",
        "off",
        "Whether callers prove themselves by digest: nobody, callers in an account's ranges also, or callers in no "
        "range instead. Who they are stands in tables `[callers.NAME]` of the file.",
        choices=("off", "also", "instead"),
    )
    caller_auth_realm: str = setting(
        "caller_auth.realm",
        "callgate",
        "What phones are told that the password is for; one for all accounts, so that it tells strangers nothing.",
    )
    caller_auth_algorithms: tuple[str, ...] = setting(
        "caller_auth.algorithms",
        ("MD5",),
        "Hashes that are offered, one challenge each, in this order. Many phones look at the first challenge only, or "
        "give up at one that they do not know, and MD5 is what all know; SHA-256 where yours know it.",
        choices=("MD5", "SHA-256"),
    )
    caller_auth_nonce_s: float = setting(
        "caller_auth.nonce_s",
        60.0,
        "How long a challenge may be answered. Afterwards, and when a proof comes twice, the caller gets another one, "
        "which phones answer by themselves.",
        unit="s",
        lowest=5,
        highest=3_600,
    )
    callers: tuple[ListedCaller, ...] = ()  # tables of the file: see `callers`
    noise_refusals_per_minute: int = setting(
        "noise.refusals_per_minute",
        60,
        "What a stranger may bring per minute, calls or anything else, before it is answered less and then no more; a "
        "mistaken trunk tries far less often.",
        unit="1/min",
        lowest=1,
    )
    noise_pause_s: float = setting(
        "noise.pause_s",
        300.0,
        "A noisy stranger is heard again after having been quiet for this long.",
        unit="s",
        lowest=1,
    )
    noise_sources_max: int = setting(
        "noise.sources_max",
        50_000,
        "Strangers remembered at a time, about 10 MB; the one not heard of for longest is forgotten first.",
        lowest=100,
    )
    trust_asserted_identity: bool = setting(
        "trust_asserted_identity",
        True,
        "Take the caller's id from P-Asserted-Identity before From; every source that gets this far is in your ranges.",
    )
    sip_headers_win: bool = setting(
        "sip_headers_win",
        False,
        "Let `X-` headers win over a handler's templateContext, as the public service does; any caller can write them.",
    )

    # ---------------------------------------------------------------------------------------------- fallback handler
    handler_timeout_s: float = setting(
        "handler.timeout_s",
        5.0,
        "Within this the fallback handler must have answered, name resolution and connection included; "
        "the caller waits.",
        unit="s",
        lowest=0.1,
        highest=60,
    )
    handler_answer_bytes_max: int = setting(
        "handler.answer_bytes_max",
        1_048_576,
        "Longest answer of a handler that is read.",
        unit="bytes",
        lowest=1_024,
        highest=67_108_864,
    )
    webhook_timeout_s: float = setting(
        "webhook.timeout_s",
        10.0,
        "Within this a webhook must have answered, name resolution and connection included; else it is tried again.",
        unit="s",
        lowest=0.1,
        highest=60,
    )
    webhook_retry_s: float = setting(
        "webhook.retry_s",
        30.0,
        "Pause between the first of ten tries and the second; each further one is twice as long, give or take a tenth.",
        unit="s",
        lowest=0.1,
        highest=3_600,
    )
    webhook_requests_max: int = setting(
        "webhook.requests_max",
        4,
        "Events a webhook is told of at a time, each of another call; one that fails gets one at a time.",
        lowest=1,
        highest=50,
    )
    webhook_waiting_max: int = setting(
        "webhook.waiting_max",
        100_000,
        "Events that may wait for one webhook: four hours of six a second, some 85 MB. Further ones are given up, and "
        "delivered when asked for by hand.",
        lowest=100,
    )
    webhook_days: int = setting(
        "webhook.days",
        7,
        "Events older than this that no webhook waits for are removed; until then they can be delivered again.",
        unit="days",
        lowest=1,
    )
    url_allow_private: bool = setting(
        "url.allow_private",
        False,
        "Let URLs that accounts set reach private and link-local addresses. Only where every account is trusted.",
    )
    url_allow_http: bool = setting(
        "url.allow_http",
        False,
        "Accept plain http in URLs that accounts set, for hosts other than loopback ones.",
    )

    # ------------------------------------------------------------------------------------------------------- calls
    ring_after_s: float = setting(
        "ring.after_s",
        2.0,
        "180 Ringing leaves when the agent is connected or after this; at the first 180 many trunks "
        "stop looking elsewhere.",
        unit="s",
        lowest=0,
        highest=60,
    )
    ring_repeat_s: float = setting(
        "ring.repeat_s",
        60.0,
        "180 is repeated this often: proxies give up after three minutes without one.",
        unit="s",
        lowest=1,
        highest=170,
    )

    # ------------------------------------------------------------------------------------------------------- sound
    rtp_bind: str = setting(
        "rtp.bind",
        "",
        "IP address of the RTP sockets. Empty: that of `sip.bind`.",
    )
    rtp_port_first: int = setting(
        "rtp.port_first",
        20_000,
        "First port of the range for RTP and RTCP; two ports a call.",
        lowest=1_024,
        highest=65_534,
        flag=True,
    )
    rtp_port_last: int = setting(
        "rtp.port_last",
        29_999,
        "Last port of that range; 10,000 ports let 1,000 calls a minute rest before reuse.",
        lowest=1_025,
        highest=65_535,
        flag=True,
    )
    rtp_port_rest_s: float = setting(
        "rtp.port_rest_s",
        5.0,
        "How long a port rests after a call, so that late packets of the old call never reach the next.",
        unit="s",
        lowest=0,
        highest=600,
    )

    media_timeout_s: float = setting(
        "media.timeout_s",
        60.0,
        "A call of which neither sound nor RTCP has come for this long, and that is not on hold, is hung up; 0: never. "
        "RTCP comes every 5 s, so a muted phone stays.",
        unit="s",
        lowest=0,
        highest=86_400,
    )
    media_workers: int = setting(
        "media.workers",
        0,
        "Processes that carry sound; 0: one for each core. A call stays in the one it began in.",
        lowest=0,
        highest=256,
    )
    model_default: str = setting(
        "model.default",
        "demo",
        "Model that serves calls and agents whose own `model` is not configured: a name of `[models.NAME]`, or demo.",
    )
    model_last_words: str = setting(
        "model.last_words",
        "I am sorry, there is a technical problem. Please call again later. Goodbye.",
        "Said before a call is hung up whose model has failed, with nothing left to take over (`then` of a model); "
        "empty: it is hung up at once.",
    )
    models: Mapping[str, Model] = field(default_factory=dict)  # tables of the file: see `models`
    sound_codecs: tuple[str, ...] = setting(
        "sound.codecs",
        ("PCMU", "PCMA", "G722"),
        "Codecs that are taken and offered, best first. OPUS costs ten times a G.711 call and needs the extra "
        "`callgate[opus]`; L16, uncompressed, is for benches.",
        choices=("PCMU", "PCMA", "G722", "OPUS", "L16"),
    )
    sound_codec_order: str = setting(
        "sound.codec_order",
        "peer",
        "Whose order chooses among the codecs that both sides have: the peer's, which spares it from transcoding, or "
        "our own.",
        choices=("peer", "own"),
    )
    srtp_udp: str = setting(
        "srtp.udp",
        "preferred",
        "Encrypted sound for calls whose SIP comes over UDP: never, when the peer offers it, or else 488. Takes effect "
        "with `srtp.without_tls`.",
        choices=("off", "preferred", "required"),
    )
    srtp_tcp: str = setting(
        "srtp.tcp",
        "preferred",
        "The same for SIP over TCP.",
        choices=("off", "preferred", "required"),
    )
    srtp_tls: str = setting(
        "srtp.tls",
        "preferred",
        "The same for SIP over TLS, which needs no `srtp.without_tls`: nobody on the way can read the keys.",
        choices=("off", "preferred", "required"),
    )
    srtp_without_tls: bool = setting(
        "srtp.without_tls",
        False,
        "Take and give keys of SRTP in SIP over UDP and TCP, where anybody on the way can read them: only where the "
        "network is trusted.",
    )

    # -------------------------------------------------------------------------------------------------- recordings
    recordings_dir: str = setting(
        "recordings.dir",
        "",
        "Folder of the recordings of calls with `recordingEnabled`. Empty: `recordings` in `data.dir`.",
    )
    recordings_days: int = setting(
        "recordings.days",
        30,
        "Recordings older than this are removed; 0: never.",
        unit="days",
        lowest=0,
    )
    recordings_free_bytes_min: int = setting(
        "recordings.free_bytes_min",
        536_870_912,
        "With less of the disk free, recordings stop and calls go on: the database must be able to.",
        unit="bytes",
        lowest=0,
    )

    # ------------------------------------------------------------------------------------------------------- store
    decisions_days: int = setting(
        "decisions.days",
        30,
        "Decision records older than this are removed.",
        unit="days",
        lowest=1,
    )
    decisions_rows_max: int = setting(
        "decisions.rows_max",
        1_000_000,
        "Decision records of admitted sources kept at most; about 1 GB.",
        lowest=1_000,
    )
    strangers_rows_max: int = setting(
        "strangers.rows_max",
        50_000,
        "Decision records of strangers kept at most, a budget of their own: a scanner never pushes out "
        "a caller's record.",
        lowest=100,
    )
    store_synchronous: str = setting(
        "store.synchronous",
        "NORMAL",
        "SQLite's care at a commit: NORMAL survives the end of the process, FULL the loss of power too, "
        "at a disk flush each.",
        choices=("NORMAL", "FULL"),
    )


def declarations() -> tuple[Declaration, ...]:
    """All settings, in the order they are declared."""
    return tuple(entry.metadata["declaration"] for entry in fields(Settings) if "declaration" in entry.metadata)


DECLARED: Final = {declaration.attribute: declaration for declaration in declarations()}
DEFAULTS: Final = Settings()
