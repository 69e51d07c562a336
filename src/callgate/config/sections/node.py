"""The node itself: its folder, its log, its end."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """The node itself: its folder, its log, its end."""

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
