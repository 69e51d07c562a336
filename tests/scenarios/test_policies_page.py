"""The examples of docs/policies.md, run as they stand, one after another."""

import re
import subprocess
from pathlib import Path

from tests.peers.caller import Caller
from tests.peers.fixtures import SETTINGS
from tests.peers.gate import API_KEY, Gate

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"


def run(commands: str, gate: Gate) -> str:
    """What a shell says to commands, with this gate's address and key; `-f` makes curl fail where the API refuses."""
    settings = f"set -euo pipefail\nKEY={API_KEY}\nAPI={gate.url}/api\n"
    done = subprocess.run(
        ["bash", "-c", settings + commands.replace("curl -s", "curl -sSf")], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, (commands, done.stdout, done.stderr)
    return done.stdout


def test_every_example_is_answered(tmp_path: Path) -> None:
    gate = Gate(tmp_path, settings=SETTINGS)
    with Caller(gate, "nobody") as caller:
        assert caller.status == 603
    gate.until(gate.decisions)
    examples = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)[1:]  # the first sets the variables
    assert len(examples) == 8
    for commands in examples:
        if "-X DELETE $API/sip/shadow" in commands:  # the example before has promoted it
            gate.put("/api/sip/shadow", {"patch": {}})
        said = run(commands, gate)
        assert said.startswith("{") or "DELETE" in commands, (commands, said)
    assert gate.get("/api/sip")["allowAllAgents"] is True
    assert gate.stop() == 0
