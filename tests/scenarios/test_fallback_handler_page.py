"""The handler of docs/fallback-handler.md and the page's commands, run as they stand."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from tests.peers.gate import API_KEY, Gate

PAGE = (Path(__file__).parents[2] / "docs" / "fallback-handler.md").read_text()


def run(commands: str, gate: Gate) -> str:
    """What a shell says to commands, with this gate's address and key; curl fails where the API refuses."""
    settings = f"set -euo pipefail\nKEY={API_KEY}\nAPI={gate.url}/api\n"
    script = settings + commands.replace("curl -s", "curl -sSf")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, (commands, done.stdout, done.stderr)
    return done.stdout


def test_the_handler_of_the_page_answers_and_its_commands_are_taken(gate: Gate) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    set_it, safeguards, look, sample = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    run(set_it, gate)
    run(safeguards, gate)
    assert run(look, gate).startswith("{")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    agent = gate.demo_agent_id
    environment = {**os.environ, "PORT": str(port), "HANDLER_SECRET": "s3cret", "SALES_AGENT": agent}
    handler = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        gate.patch_sip({"fallbackHandler": {"url": f"http://127.0.0.1:{port}/", "secrets": ["s3cret"]}})
        gate.until(lambda: json.loads(run(sample, gate))["response"])
        said = json.loads(run(sample, gate))["verdict"]
        assert said == {"agentId": agent, "body": {"metadata": {"dialled": "sales"}}}
        other = gate.post("/api/sip/fallback/test", {})["verdict"]
        assert (other["outcome"], other["status"]) == ("handler-rejected", 404)
    finally:
        handler.kill()
        handler.wait()
