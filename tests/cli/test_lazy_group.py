"""Commands are listed without being imported, and what is listed is what is run."""

import json
import re
import subprocess
import sys

import pytest

from callgate.cli.lazy_group import loaded
from callgate.cli.main import Commands
from tests.cli.operator import CALLGATE

HEAVY = {"aiohttp", "numpy", "sqlalchemy", "fastapi", "uvloop", "callgate.app", "callgate.phone", "callgate.store"}


@pytest.mark.parametrize("name", Commands.table)
def test_the_list_says_of_a_command_what_it_says_itself(name: str) -> None:
    line = Commands.table[name]
    assert loaded(name, line).help.startswith(line.help)


@pytest.mark.parametrize("words", [["--help"], ["sip", "--help"], ["decisions", "tail", "--help"], ["keys", "list"]])
def test_a_command_imports_what_it_needs(words: list[str]) -> None:
    script = (
        "import atexit, json, sys; atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules)))); "
        f"sys.argv = ['callgate', *{words}]; from callgate.cli.main import main; main()"
    )
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "CALLGATE_URL": "http://127.0.0.1:1",
                   "CALLGATE_API_KEY": "k"}  # fmt: skip
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == set()


def test_help_lists_every_command_in_its_order() -> None:
    done = subprocess.run([*CALLGATE, "--help"], capture_output=True, text=True, check=True)
    listed = re.findall(r"^│ ([a-z]+) {2,}\S", done.stdout, re.M)
    assert listed == list(Commands.table)
    assert "--install-completion" in done.stdout


def test_an_unknown_command_is_a_usage_error_that_knows_a_better_one() -> None:
    done = subprocess.run([*CALLGATE, "agnets"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "agents" in done.stderr
