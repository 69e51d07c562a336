"""The HTTP API."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """The HTTP API."""

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
    http_key_requests_per_s: int = setting(
        "http.key_requests_per_s",
        200,
        "Requests per second with any one API key, as many at once at most; beyond, 429 with `Retry-After`. The figure "
        "of the public service; 0: no limit.",
        unit="1/s",
        lowest=0,
        highest=1_000_000,
    )
    http_account_requests_per_s: int = setting(
        "http.account_requests_per_s",
        500,
        "Likewise of all keys of an account together: the public figure too.",
        unit="1/s",
        lowest=0,
        highest=1_000_000,
    )
    http_calls_per_s: int = setting(
        "http.calls_per_s",
        0,
        "Calls an account may make through the API in any second; beyond, 429 with `Retry-After`. 0: no limit, since "
        "`account.calls_max` keeps a node from being flooded, and nothing is sold by the call.",
        unit="1/s",
        lowest=0,
        highest=10_000,
    )
    http_calls_per_minute: int = setting(
        "http.calls_per_minute",
        0,
        "Likewise in any minute.",
        unit="1/min",
        lowest=0,
        highest=100_000,
    )
