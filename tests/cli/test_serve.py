"""What an operator is told when a node cannot start: one line on standard error, exit code 2."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = [sys.executable, "-c", "from callgate.cli.main import main; main()", "serve"]


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run([*SERVE, *arguments], capture_output=True, text=True, timeout=50, env=clean, check=False)


def free(folder: Path) -> list[str]:
    return ["--sip-bind", "127.0.0.1:0", "--http-bind", "127.0.0.1:0", "--data-dir", str(folder)]


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["--sip-bind", "127.0.0.1"], {}, "sip.bind is '127.0.0.1'; expected ADDRESS:PORT"),
        (["--calls-max", "lots"], {}, "calls.max (--calls-max) is 'lots'; expected a whole number"),
        (["--config", "/nonexistent.toml"], {}, "cannot read /nonexistent.toml: no such file or directory"),
        ([], {"CALLGATE_SIP_BNID": "x"}, "no setting is called CALLGATE_SIP_BNID; did you mean CALLGATE_SIP_BIND?"),
        ([], {"CALLGATE_API_KEY": "hunter2"}, "api.key (CALLGATE_API_KEY) is not a key"),
        ([], {"CALLGATE_DATABASE_URL": "mysql://u:hunter2@127.0.0.1/x"}, "database.url is no URL of a database"),
        (
            [],
            {"CALLGATE_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"},
            "cannot open the database postgresql://u@127.0.0.1:1/x: connection failed",
        ),
    ],
)
def test_a_bad_setting_is_one_line(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], words: str
) -> None:
    done = serve(*free(tmp_path), *arguments, **environment)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("callgate: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(("flag", "kind"), [("--sip-bind", socket.SOCK_DGRAM), ("--http-bind", socket.SOCK_STREAM)])
def test_a_taken_port_is_one_line(tmp_path: Path, flag: str, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = serve(*free(tmp_path), flag, address)
    assert done.returncode == 2
    assert done.stderr.startswith(f"callgate: cannot listen on {address}")
    assert "address already in use" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = serve(*free(tmp_path / "file" / "folder"))
    assert done.returncode == 2
    assert "cannot write into the data folder" in done.stderr
    assert done.stderr.count("\n") == 1


def test_every_flag_is_explained() -> None:
    done = serve("--help", COLUMNS="200")
    assert done.returncode == 0
    for flag in ("--sip-bind", "--http-bind", "--data-dir", "--config", "--advertise", "--demo", "--no-self-call"):
        assert flag in done.stdout
