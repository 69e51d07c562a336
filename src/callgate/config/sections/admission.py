"""Which calls come in, how many, and what the others are told."""

from dataclasses import dataclass

from callgate.config.callers import ListedCaller
from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class AdmissionSettings:
    """Which calls come in, how many, and what the others are told."""

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
        "Answer when an account or an agent has as many calls as it may; a 503 would make a trunk give up the whole "
        "host.",
        choices=("480", "486"),
    )
    account_calls_max: int = setting(
        "account.calls_max",
        0,
        "Calls an account may have at a time; 0: as many as the node carries. `callgate accounts set` gives one "
        "account a limit of its own, as of every other limit of accounts.",
        lowest=0,
    )
    agent_calls_max: int = setting(
        "agent.calls_max",
        0,
        "Calls each agent may have at a time: what the model behind it carries; 0: as many as its account.",
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
