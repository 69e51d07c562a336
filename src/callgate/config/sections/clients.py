"""Clients that join calls without a phone."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Clients that join calls without a phone."""

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
