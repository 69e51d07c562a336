import io
import wave
from dataclasses import replace
from typing import Any
from uuid import uuid4

from callgate.entities.call import Call, OutboxEvent
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.media.recording import recording_path
from callgate.media.wave_file import header
from callgate.schema.quality import render_quality
from tests.web.conftest import KEY, Api
from tests.web.test_calls import NOW, started


async def ended(api: Api, call: Call, **sound: Any) -> None:
    sip: JsonObject = {**call.sip, "sound": sound} if sound else call.sip
    over = replace(call, ended=NOW, end_reason="hangup", outcome="caller-hangup", sip=sip)
    await api.store.call_ended(
        over, OutboxEvent(str(uuid4()), api.account.account_id, call.call_id, "call.ended", NOW, {})
    )


async def download(api: Api, path: str, **headers: str) -> tuple[int, Any, bytes]:
    async with api.session.get(api.url + path, headers={"X-API-Key": KEY, **headers}) as answer:
        return answer.status, answer.headers, await answer.read()


def frames(body: bytes) -> bytes:
    with wave.open(io.BytesIO(body), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8_000)
        return file.readframes(file.getnframes())


async def test_a_recording_is_served_mended_and_goes_with_its_call(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}/recording"
    assert (await api.ask("GET", path)).body == {"detail": "the call has no recording"}
    api.recordings.mkdir()
    file = recording_path(api.recordings, call.call_id)
    file.write_bytes(header(8_000, 4) + b"abcdefgh" * 1_000 + b"x")  # its worker was killed
    await ended(api, call)
    status, headers, body = await download(api, path)
    assert (status, headers["Content-Type"], headers["Content-Length"]) == (200, "audio/wav", "8044")
    assert frames(body) == b"abcdefgh" * 1_000
    status, headers, body = await download(api, path, Range="bytes=44-51")
    assert (status, body, headers["Content-Range"]) == (206, b"abcdefgh", "bytes 44-51/8044")
    async with api.session.get(api.url + path) as answer:
        assert answer.status == 401
    assert (await api.ask("DELETE", f"/api/calls/{call.call_id}")).status == 204
    assert not file.exists()
    assert (await api.ask("GET", path)).status == 404


async def test_of_a_call_in_progress_there_is_what_has_been_written(api: Api) -> None:
    call = await started(api, await api.agent())
    api.live.joined.add(call.call_id)
    api.recordings.mkdir()
    file = recording_path(api.recordings, call.call_id)
    content = header(8_000, 0) + b"abcd" * 200_000 + b"xy"
    file.write_bytes(content)
    status, headers, body = await download(api, f"/api/calls/{call.call_id}/recording")
    assert (status, headers["Content-Type"], headers["Content-Length"]) == (200, "audio/wav", "800044")
    assert frames(body) == b"abcd" * 200_000
    assert file.read_bytes() == content  # the worker still writes it


async def test_a_recording_of_another_account_is_not_there(api: Api) -> None:
    other, _ = await api.store.create_account("other", "Other", "zbcdefgh." + "z" * 32)
    theirs = await started(replace(api, account=other), await api.agent())
    await ended(replace(api, account=other), theirs, quality=render_quality(SoundQuality()))
    api.recordings.mkdir()
    recording_path(api.recordings, theirs.call_id).write_bytes(header(8_000, 0))
    for noun in ("recording", "quality"):
        for call_id in (theirs.call_id, str(uuid4()), "x", "..%2f..%2fx"):
            answer = await api.ask("GET", f"/api/calls/{call_id}/{noun}")
            assert answer.status == 404, (noun, call_id)
            assert set(answer.body) == {"detail"}


async def test_quality_is_shown_live_and_from_the_record(api: Api) -> None:
    call = await started(api, await api.agent())
    path = f"/api/calls/{call.call_id}/quality"
    assert (await api.ask("GET", path)).body == {"detail": "nothing is known of the call's sound"}
    live = SoundQuality("PCMA", packets_received=500, packets_sent=500, jitter_ms=1.5, mos=4.4)
    api.live.measured[call.call_id] = live
    shown = (await api.ask("GET", path)).body
    assert shown == render_quality(live)
    assert (shown["jitterMs"], shown["roundTripMs"], shown["verdict"]) == (1.5, None, "good")
    api.live.measured.clear()
    kept = render_quality(replace(live, packets_received=0))
    await ended(api, call, codec="PCMA", quality=kept)
    answer = await api.ask("GET", path)
    assert (answer.status, answer.body) == (200, kept)
    assert answer.body["verdict"] == "nothing was heard from the caller"


async def test_both_are_documented(api: Api) -> None:
    paths = (await api.ask("GET", "/api/schema/?format=json")).body["paths"]
    recording = paths["/api/calls/{call_id}/recording"]["get"]["responses"]["200"]["content"]
    assert recording == {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}
    assert "Callgate's own" in paths["/api/calls/{call_id}/quality"]["get"]["description"]
