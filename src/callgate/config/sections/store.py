"""What is kept, and how carefully."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """What is kept, and how carefully."""

    database_url: str = setting(
        "database.url",
        "",
        "The database, as postgresql://user:password@host:port/database, for one node or several; needs "
        "callgate[postgresql]. Empty: SQLite, a file in data.dir.",
        secret=True,
    )
    database_notify: bool = setting(
        "database.notify",
        True,
        "With PostgreSQL: nodes tell each other of changes at once (NOTIFY). Off, or where such words get lost, they "
        "ask twice a second.",
    )
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
        "Decision records of admitted sources kept at most; about 1.5 GB.",
        lowest=1_000,
    )
    strangers_rows_max: int = setting(
        "strangers.rows_max",
        50_000,
        "Decision records of strangers kept at most, a budget of their own: a scanner never pushes out "
        "a caller's record.",
        lowest=100,
    )
    calls_days: int = setting(
        "calls.days",
        0,
        "Calls made longer ago than this are deleted, with all that was said in them and their recordings; 0: never. "
        "Also those whose `retentionPolicy` is to retain them.",
        unit="days",
        lowest=0,
    )
    calls_rows_max: int = setting(
        "calls.rows_max",
        1_000_000,
        "Calls of an account kept at most, the newest ones; about 10 GB. 0: as many as there are.",
        lowest=0,
    )
    events_days: int = setting(
        "events.days",
        0,
        "What happened in calls is forgotten after this, though the calls stay; 0: as long as their calls.",
        unit="days",
        lowest=0,
    )
    events_rows_max: int = setting(
        "events.rows_max",
        20_000_000,
        "Events in calls kept at most, the newest ones; about 6 GB. 0: as many as there are.",
        lowest=0,
    )
    deleted_calls_days: int = setting(
        "deleted_calls.days",
        365,
        "When and how a deleted call was is forgotten after this; 0: never.",
        unit="days",
        lowest=0,
    )
    deleted_calls_rows_max: int = setting(
        "deleted_calls.rows_max",
        1_000_000,
        "Deleted calls of an account of which that is kept, the last ones; about 400 MB. 0: of all.",
        lowest=0,
    )
    store_synchronous: str = setting(
        "store.synchronous",
        "NORMAL",
        "SQLite's care at a commit: NORMAL survives the end of the process, FULL the loss of power too, "
        "at a disk flush each.",
        choices=("NORMAL", "FULL"),
    )
