"""Callers that prove themselves, as others' programs do it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callgate.phone.sound import write_wav
from tests.peers.baresip import Baresip
from tests.peers.gate import Gate
from tests.peers.sipp import Sipp, SippRun

PASSWORD = "correct horse battery"
NOBODY = ["203.0.113.0/24"]


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Gate]]:
    """Nodes with one caller, by their mode."""
    running: dict[str, Gate] = {}

    def gate_of(mode: str) -> Gate:
        if mode not in running:
            folder = tmp_path_factory.mktemp(mode)
            (folder / "callgate.toml").write_text(
                f'[caller_auth]\nmode = "{mode}"\nnonce_s = 5\n[callers.alice]\npassword_env = "ALICE_PASSWORD"\n'
            )
            environment = {"ALICE_PASSWORD": PASSWORD, "CALLGATE_SIP_T1_MS": "50"}
            options = (f"--config={folder / 'callgate.toml'}",)
            running[mode] = Gate(folder, settings=environment, options=options)
        running[mode].reset()
        return running[mode]

    yield gate_of
    for gate in running.values():
        gate.until(lambda gate=gate: all(call["ended"] for call in gate.calls()))
        assert gate.stop() == 0


def run(gate: Gate, folder: Path, scenario: str, password: str = PASSWORD, transport: str = "udp") -> SippRun:
    return Sipp(gate, folder).run(scenario, transport=transport, options=("-au", "alice", "-ap", password))


def record_of(gate: Gate, run: SippRun, outcome: str | None) -> dict[str, object]:
    """The record of one of the INVITEs of a run."""
    wanted = [run.call_id, outcome]
    found = gate.until(
        lambda: [entry for entry in gate.decisions() if [entry["sipCallId"], entry["outcome"]] == wanted]
    )
    record: dict[str, object] = gate.get(f"/api/sip/decisions/{found[0]['decisionId']}")
    return record


@pytest.mark.sipp
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_caller_in_no_range_proves_itself(gates: Callable[[str], Gate], tmp_path: Path, transport: str) -> None:
    gate = gates("instead")
    gate.patch_sip({"allowedCidrRanges": NOBODY})
    proved = run(gate, tmp_path, "proves_itself", transport=transport)
    assert proved.ok, proved
    record = record_of(gate, proved, None)
    assert record["agentId"] == gate.demo_agent_id
    assert "the caller has proved to be `alice`" in str(record["trace"])
    assert "response" not in str(record["trace"])


def test_a_proof_can_be_imagined(gates: Callable[[str], Gate]) -> None:
    gate = gates("instead")
    attempt = {"sourceAddress": "2001:db8::7", "toUri": "demo"}
    without = gate.post("/api/sip/evaluate", {"attempt": attempt})
    assert (without["status"], without["outcome"]) == (401, "credentials-missing")
    proved = gate.post("/api/sip/evaluate", {"attempt": {**attempt, "callerUsername": "alice"}})
    assert (proved["verdict"], proved["agentId"]) == ("admit", gate.demo_agent_id)


@pytest.mark.sipp
def test_a_caller_in_a_range_proves_itself_too(gates: Callable[[str], Gate], tmp_path: Path) -> None:
    gate = gates("also")
    proved = run(gate, tmp_path, "proves_itself")
    assert proved.ok, proved
    assert "proved to be `alice`" in str(record_of(gate, proved, None)["trace"])
    gate.patch_sip({"allowedCidrRanges": NOBODY})
    stranger = run(gate, tmp_path, "refused_403")
    assert stranger.ok, stranger


@pytest.mark.sipp
@pytest.mark.parametrize("mode", ["also", "instead"])
def test_a_wrong_password(gates: Callable[[str], Gate], tmp_path: Path, mode: str) -> None:
    gate = gates(mode)
    if mode == "instead":
        gate.patch_sip({"allowedCidrRanges": NOBODY})
    refused = run(gate, tmp_path, "cannot_prove_itself", "wrong horse battery")
    assert refused.ok, refused
    assert "stale" not in refused.messages
    assert "of `alice`, are wrong: the password" in str(record_of(gate, refused, "credentials-wrong")["summary"])


@pytest.mark.sipp
def test_an_old_challenge(gates: Callable[[str], Gate], tmp_path: Path) -> None:
    gate = gates("instead")
    gate.patch_sip({"allowedCidrRanges": NOBODY})
    late = run(gate, tmp_path, "proves_itself_late")
    assert late.ok, late


@pytest.mark.baresip
@pytest.mark.parametrize("mode", ["also", "instead"])
def test_baresip_proves_itself(gates: Callable[[str], Gate], tmp_path: Path, mode: str) -> None:
    gate = gates(mode)
    if mode == "instead":
        gate.patch_sip({"allowedCidrRanges": NOBODY})
    silence = tmp_path / "said.wav"
    write_wav(silence, bytes(16_000 * 5))
    baresip = Baresip(gate, tmp_path)
    account = f';auth_user=alice;auth_pass="{PASSWORD}"'
    assert baresip.calls("demo", said=silence, seconds=4, account=account).stat().st_size > 16_000
    proved = [entry for entry in gate.decisions() if entry["fromUri"] == "sip:baresip@127.0.0.1" and entry["callId"]]
    assert "proved to be `alice`" in str(gate.get(f"/api/sip/decisions/{proved[0]['decisionId']}")["trace"])
