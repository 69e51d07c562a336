"""What the layout promises: a test beside each file, no file too long, nothing left to do, lean workers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted((ROOT / "src" / "callgate").rglob("*.py"))
TESTS = ROOT / "tests"
LINES_MAX = 600

# Files without a test file of their own, and where what they do is shown. A folder stands for all that is in it.
SHOWN_BY = {
    # Nouns without behaviour: types and tables that mypy and everything else checks.
    "entities": "core/admission/test_decide.py",
    "ports": "architecture/test_layout.py",
    "core/sdp/path.py": "core/sdp/test_negotiate.py",
    "core/templates/errors.py": "core/templates/test_render.py",
    "core/audio/pcm.py": "core/audio/test_g711.py",
    "core/admission/capacity.py": "core/admission/test_decide.py",
    "core/admission/moves.py": "core/admission/test_replay.py",
    "core/admission/recipe.py": "core/admission/test_replay.py",
    "config/declaration.py": "config/test_settings.py",
    "config/sections": "config/test_settings.py",
    "store/loading.py": "store/test_administration.py",
    "store/revision.py": "store/test_administration.py",
    "store/changes.py": "store/test_shared_changes.py",
    "store/database.py": "store/test_open.py",
    "store/errors.py": "store/test_open.py",
    "store/nodes.py": "store/test_following.py",
    "store/past_postgres.py": "store/test_past.py",
    "store/past_sqlite.py": "store/test_past.py",
    "store/tables.py": "store/test_open.py",
    "store/migrations": "store/test_open.py",
    "store/call_filter.py": "store/test_calls.py",
    "store/rows.py": "store/test_calls.py",
    "telemetry": "runtime/test_logging.py",
    "operations/errors.py": "web/test_app.py",
    "operations/caller.py": "web/test_app.py",
    # Bodies and verbs, shown over HTTP by the noun they belong to.
    "schema/agent.py": "web/test_agents.py",
    "schema/body.py": "web/test_properties.py",
    "schema/data_message.py": "web/test_calls.py",
    "schema/decision.py": "web/test_calls.py",
    "schema/duration.py": "schema/test_start_call.py",
    "schema/errors.py": "web/test_sip.py",
    "schema/evaluate.py": "web/test_calls.py",
    "schema/fallback.py": "web/test_fallback.py",
    "schema/json_text.py": "web/test_app.py",
    "schema/medium.py": "schema/test_start_call.py",
    "schema/lint.py": "web/test_rehearsal.py",
    "schema/rehearsal.py": "web/test_rehearsal.py",
    "schema/replay.py": "web/test_rehearsal.py",
    "schema/shadow.py": "web/test_rehearsal.py",
    "schema/sip_config.py": "web/test_sip.py",
    "schema/voice.py": "schema/test_start_call.py",
    "operations/agents.py": "web/test_agents.py",
    "operations/calls.py": "web/test_calls.py",
    "operations/decisions.py": "web/test_calls.py",
    "operations/fallback.py": "web/test_fallback.py",
    "operations/deleted_calls.py": "web/test_deleted_calls.py",
    "operations/queries.py": "web/test_call_filters.py",
    "operations/operations.py": "web/test_app.py",
    "operations/replay.py": "web/test_rehearsal.py",
    "operations/replay_process.py": "operations/test_replay_jobs.py",
    "operations/shadow.py": "web/test_rehearsal.py",
    "operations/sip_config.py": "web/test_sip.py",
    "operations/suggestions.py": "web/test_rehearsal.py",
    "operations/stages.py": "web/test_stages.py",
    "operations/tools.py": "web/test_tools.py",
    "operations/accounts.py": "web/test_accounts.py",
    "schema/account.py": "web/test_accounts.py",
    "operations/api_keys.py": "web/test_api_keys.py",
    "schema/api_key.py": "web/test_api_keys.py",
    "operations/voices.py": "web/test_voices.py",
    "schema/offered_voice.py": "web/test_voices.py",
    "web/api/voices.py": "web/test_voices.py",
    "operations/throttles.py": "web/test_call_throttles.py",
    "schema/throttle.py": "web/test_call_throttles.py",
    "web/api/call_throttles.py": "web/test_call_throttles.py",
    "operations/webhooks.py": "web/test_webhooks.py",
    "operations/stream_calls.py": "web/test_stream_calls.py",
    "web/api/stream_calls.py": "web/test_stream_calls.py",
    "web/api/agents.py": "web/test_agents.py",
    "web/api/calls.py": "web/test_calls.py",
    "web/api/deleted_calls.py": "web/test_deleted_calls.py",
    "web/api/sip_logs.py": "web/test_sip_logs.py",
    "web/api/decisions.py": "web/test_calls.py",
    "web/api/fallback.py": "web/test_fallback.py",
    "web/api/not_offered.py": "compatibility/test_operations.py",
    "web/api/models.py": "web/test_models.py",
    "web/api/rehearsal.py": "web/test_rehearsal.py",
    "web/api/sip.py": "web/test_sip.py",
    "web/api/stages.py": "web/test_stages.py",
    "web/api/tools.py": "web/test_tools.py",
    "web/api/accounts.py": "web/test_accounts.py",
    "web/api/api_keys.py": "web/test_api_keys.py",
    "web/api/webhooks.py": "web/test_webhooks.py",
    "web/documented.py": "web/test_schemathesis.py",
    "web/request.py": "web/test_app.py",
    # Shown through the one thing that uses them.
    "brains/realtime_link.py": "brains/test_openai_realtime.py",
    "brains/realtime_server.py": "brains/test_openai_realtime.py",
    "core/dialects/openai_profiles.py": "core/dialects/test_openai_realtime.py",
    "brains/cascade/servers.py": "brains/cascade/test_brain.py",
    "testing/cascade_servers.py": "brains/cascade/test_brain.py",
    "brains/conversation.py": "brains/test_openai_realtime.py",
    "brains/pipecat/bots.py": "brains/pipecat/test_brain.py",
    "brains/pipecat/call.py": "brains/pipecat/test_process.py",
    "brains/tools/client.py": "brains/tools/test_use.py",
    "core/dialects/stream_ids.py": "core/dialects/test_media_streams.py",
    "testing/data_connection_server.py": "brains/test_data_connection.py",
    "testing/media_streams_bot.py": "brains/test_media_streams.py",
    "testing/ultravox_server.py": "brains/test_ultravox.py",
    "testing/tool_server.py": "brains/tools/test_use.py",
    "testing/openai_realtime_server.py": "brains/test_openai_realtime.py",
    "brains/speech.py": "brains/test_demo.py",
    "cli/main.py": "cli/test_lazy_group.py",
    "cli/errors.py": "cli/test_asking.py",
    "cli/ladder.py": "cli/test_rehearsal.py",
    "cli/rules.py": "cli/test_sip_set.py",
    "bench/brain.py": "bench/test_media.py",
    "bench/crowd.py": "bench/test_media.py",
    "bench/workers.py": "bench/test_media.py",
    "media/bridge.py": "media/conformance/test_sending.py",
    "media/line.py": "media/conformance/test_sending.py",
    "media/phone_line.py": "media/conformance/test_receiving.py",
    "media/joins.py": "scenarios/test_joined.py",
    "calls/client_leg.py": "calls/test_joining.py",
    "calls/surroundings.py": "calls/test_runner.py",
    "calls/deaf.py": "calls/test_takeover.py",
    "signaling/told.py": "signaling/test_leg.py",
    "calls/origin.py": "calls/test_joining.py",
    "webhooks/exchange.py": "webhooks/test_ask.py",
    "webhooks/handler_answer.py": "webhooks/test_ask.py",
    "webhooks/handler_watch.py": "webhooks/test_two_handlers.py",
    "runtime/websocket.py": "brains/test_socket.py",
    "media/receiving.py": "media/conformance/test_receiving.py",
    "media/recording_folder.py": "scenarios/test_recorded.py",
    "media/reporting.py": "media/conformance/test_quality.py",
    "media/sending.py": "media/conformance/test_sending.py",
    "media/unconnect.py": "media/conformance/test_receiving.py",
    "media/wire.py": "media/conformance/test_receiving.py",
    "media/worker.py": "media/test_workers.py",
    "app/worker.py": "media/test_workers.py",
    "app/server.py": "app/test_run.py",
    "app/self_call.py": "app/test_run.py",
}


def shown_elsewhere(path: str) -> str | None:
    """The entry for a source file, or for a folder that it is in."""
    parents = [path, *(str(parent) for parent in Path(path).parents)]
    return next((SHOWN_BY[name] for name in parents if name in SHOWN_BY), None)


@pytest.mark.parametrize(
    "path", [str(file.relative_to(ROOT / "src" / "callgate")) for file in SOURCES if file.name != "__init__.py"]
)
def test_a_source_file_has_its_test_or_a_reason(path: str) -> None:
    own = TESTS / Path(path).parent / f"test_{Path(path).name}"
    elsewhere = shown_elsewhere(path)
    assert own.exists() or elsewhere is not None, f"{path}: no {own.relative_to(ROOT)}, and no entry in SHOWN_BY"
    if elsewhere is not None and not own.exists():
        assert (TESTS / elsewhere).exists(), f"{path} is said to be shown by {elsewhere}, which does not exist"


def test_entries_name_what_exists() -> None:
    gone = [name for name in SHOWN_BY if not (ROOT / "src" / "callgate" / name).exists()]
    assert gone == []


def python_files() -> list[Path]:
    """All that people write here."""
    return [file for folder in ("src", "tests", "benchmarks", "scripts") for file in (ROOT / folder).rglob("*.py")]


def test_nothing_is_left_to_do() -> None:
    mark = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    left = [f"{file.relative_to(ROOT)}: {line.strip()}" for file in python_files() for line in marked(file, mark)]
    assert left == []


def marked(file: Path, mark: re.Pattern[str]) -> list[str]:
    """The lines of a file that bear a mark."""
    return [line for line in file.read_text().splitlines() if mark.search(line)]


def test_no_file_holds_a_second_idea() -> None:
    lines = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in python_files()}
    assert {name: count for name, count in lines.items() if count > LINES_MAX} == {}


def test_a_media_worker_carries_neither_the_web_nor_the_store() -> None:
    script = "import json, sys, callgate.app.worker; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"fastapi", "sqlalchemy", "pydantic", "uvicorn", "aiohttp", "callgate.web", "callgate.store"}
    assert heavy & set(json.loads(done.stdout)) == set()


def test_brains_add_nothing_heavy_to_a_worker() -> None:
    script = (
        "import json, sys, callgate.app.worker; from callgate.brains.catalogue import factories; "
        "factories({'demoSpeech': False}); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"fastapi", "sqlalchemy", "numpy", "pocketsphinx", "espeakng_loader"} & set(json.loads(done.stdout)) == set()


def test_no_pattern_repeats_a_group_possessively() -> None:
    """CPython before 3.11.5 matches such patterns wrongly: one let unbalanced quotes through."""
    repeated = re.compile(r"\)[*+?]\+")
    found = [f"{file}: {line}" for file in SOURCES for line in file.read_text().splitlines() if repeated.search(line)]
    assert found == []
