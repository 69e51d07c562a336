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
