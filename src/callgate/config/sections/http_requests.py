"""Our requests to customers' URLs: the fallback handler and webhooks."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class RequestSettings:
    """Our requests to customers' URLs: the fallback handler and webhooks."""

    handler_timeout_s: float = setting(
        "handler.timeout_s",
        5.0,
        "Within this the fallback handler must have answered, name resolution and connection included; "
        "the caller waits. A second handler has no more.",
        unit="s",
        lowest=0.1,
        highest=60,
    )
    handler_first_share: float = setting(
        "handler.first_share",
        0.6,
        "Share of `handler.timeout_s` after which a second handler, where an account has one, is asked too, while the "
        "first may still answer. It leaves two seconds of five for a name, a connection and an answer.",
        lowest=0.1,
        highest=0.9,
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
    webhook_rows_max: int = setting(
        "webhook.rows_max",
        1_000_000,
        "Events that no webhook waits for kept at most, the newest ones; about 1.5 GB. 0: as many as there are.",
        lowest=0,
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
