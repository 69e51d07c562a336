"""What is kept, and how carefully."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """What is kept, and how carefully."""

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
