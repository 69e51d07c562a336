"""Recordings of calls."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class RecordingSettings:
    """Recordings of calls."""

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
    recordings_files_max: int = setting(
        "recordings.files_max",
        100_000,
        "Recordings kept at most, the newest ones: some 200 GB when each is two minutes long. 0: as many as there are.",
        lowest=0,
    )
    recordings_free_bytes_min: int = setting(
        "recordings.free_bytes_min",
        536_870_912,
        "With less of the disk free, recordings stop and calls go on: the database must be able to.",
        unit="bytes",
        lowest=0,
    )
