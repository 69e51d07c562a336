"""A flood of strangers beside a caller that is admitted, on the same machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callgate.core.audio.g711 import CODECS
from callgate.core.audio.tones import tone
from tests.peers.fixtures import SETTINGS
from tests.peers.flood import Flood
from tests.peers.gate import Gate
from tests.peers.sipp import Sipp

STRANGERS = [f"127.0.1.{host}" for host in range(1, 9)]


@pytest.fixture
def besieged(tmp_path: Path) -> Iterator[Gate]:
    """A node with the usual limits on noise, which admits one address of this machine."""
    gate = Gate(tmp_path, settings={**SETTINGS, "CALLGATE_NOISE_REFUSALS_PER_MINUTE": "60"})
    gate.patch_sip({"allowedCidrRanges": ["127.0.0.1/32"]})
    yield gate
    assert gate.stop() == 0


@pytest.mark.sipp
def test_an_admitted_caller_is_not_hurt_and_the_flood_is_counted(besieged: Gate, tmp_path: Path) -> None:
    (tmp_path / "voice.ulaw").write_bytes(CODECS["PCMU"].encode(tone(440, 800) + bytes(16_000)))
    flood = Flood((besieged.sip_host, besieged.sip_port), STRANGERS, per_s=1_000, seconds_max=30)
    runs = [Sipp(besieged, tmp_path).run("basic_call") for _ in range(2)]
    sent = flood.stop()
    for run in runs:
        assert run.ok, run
        assert besieged.ended_call(run.call_id)["endReason"] == "hangup"
    refused = [entry for entry in besieged.decisions() if entry["sourceAddress"] in STRANGERS]
    assert refused
    assert all(entry["agentId"] is None for entry in refused)
    assert sent > 1_000
    assert "call.failed" not in besieged.log_path.read_text()
