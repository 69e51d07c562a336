"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a free port of 127.0.0.1."""

import atexit
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

START_S_MAX = 30.0
USER = "callgate"
PASSWORD = "p@ss:w/rd %?"  # as nobody's but a machine's would be
_TEMPLATE = "migrated"
# Nothing here must survive the loss of power; what a killed process has written, the system keeps.
_QUICK = (
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=300",
    "shared_buffers=32MB",
    "listen_addresses=127.0.0.1",
)
# A database is some 300 files: 50 ms in memory, a second on a disk.
_MEMORY = Path("/dev/shm")


def programs() -> Path | None:
    """The folder of the server's programs: the newest that Debian has installed, or what PATH has."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    in_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return None if in_path is None else Path(in_path).resolve().parent


class Cluster:
    """One server with its databases; `stop` removes them all."""

    def __init__(self) -> None:
        found = programs()
        assert found is not None, "PostgreSQL is not installed (scripts/install_test_peers.sh)"
        self._programs = found
        # The server refuses to be run by root.
        self._as: dict[str, Any] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="callgate-postgres-", dir=_MEMORY if _MEMORY.is_dir() else None))
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        password = self._folder / "password"
        password.write_text(PASSWORD + "\n")
        password.chmod(0o644)
        subprocess.run(
            [str(found / "initdb"), "-D", str(self._data), "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
            + ["-A", "scram-sha-256", f"--pwfile={password}"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
            **self._as,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """As the setting `database.url` has it."""
        return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Run it, and wait until it answers."""
        options = [word for option in _QUICK for word in ("-c", option)]
        deadline = time.monotonic() + START_S_MAX
        while True:
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self._programs / "postgres", "-D", self._data, "-p", str(self.port), "-k", self._folder, *options],
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    start_new_session=True,
                    **self._as,
                )
            while self._process.poll() is None:
                try:
                    psycopg.connect(self.url("postgres")).close()
                    return
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline, (self._folder / "log").read_text()[-3_000:]
                    time.sleep(0.02)
            # What a kill has left of the last one may hold its memory for a moment.
            assert time.monotonic() < deadline, (self._folder / "log").read_text()[-3_000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of the server and of every process that serves a connection."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.wait()

    def pause(self) -> None:
        """Have every process stand still: who connects or asks hears nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have them go on."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it and remove everything."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # at once: who ends the tests does not wait long
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, *, empty: bool = False) -> str:
        """Make a database, as a rule with our tables in it; its name."""
        if not empty:
            self._migrated()
        name = f"test_{next(self._numbers)}"
        self.say(f"CREATE DATABASE {name}" + ("" if empty else f" TEMPLATE {_TEMPLATE}"))
        return name

    def drop(self, database: str) -> None:
        """Remove one, whoever uses it."""
        self.say(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def say(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement; its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(sql.encode())
            return found.fetchall() if found.description else []

    @functools.cached_property
    def _template(self) -> None:
        self.say(f"CREATE DATABASE {_TEMPLATE}")
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(self.url(_TEMPLATE)))
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(files("callgate.store") / "migrations"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        engine.dispose()

    def _migrated(self) -> None:
        self._template  # noqa: B018 (made once)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)


@functools.cache
def cluster() -> Cluster:
    """The one of this process of tests, made when first asked for."""
    one = Cluster()
    atexit.register(one.stop)
    return one
