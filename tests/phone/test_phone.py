import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callgate.core.audio.tones import tone
from callgate.core.sdp.negotiate import answer, offer
from callgate.core.sdp.terms import SoundTerms
from callgate.phone.phone import BadCall, _Call, place_call
from callgate.phone.sound import PhoneSound, SoundFileError, read_wav, write_wav
from tests.phone.callee import Callee, a_callee


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    async with a_callee() as callee:
        yield callee


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_is_answered_heard_and_hung_up(callee: Callee, transport: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "in.wav", tone(440, 400))
    said: list[str] = []
    report = await place_call(
        f"sip:echo@127.0.0.1:{callee.port}",
        transport=transport,
        from_uri="sip:bob@example.org",
        from_display_name='Bob "B"',
        headers=[("X-Customer-Name", "Bob")],
        play=tmp_path / "in.wav",
        record=tmp_path / "out.wav",
        duration_s=0.8,
        on_progress=said.append,
    )
    assert (report.ok, report.status, report.ended_by, report.codec) == (True, 200, "caller", "PCMU")
    assert report.answered_ms is not None
    assert report.first_sound_ms is not None
    assert 300 <= report.heard_ms <= 440
    assert report.packets_sent > 30
    assert report.packets_received > 30
    assert "hanging up" in said
    heard = read_wav(tmp_path / "out.wav")
    assert 0.5 < len(heard) / 16_000 < 1.0
    attempt = callee.attempts[0]
    assert attempt.from_uri == "sip:bob@example.org"
    assert attempt.from_display_name == 'Bob "B"'
    assert ("X-Customer-Name", "Bob") in [(name, value) for name, value in attempt.headers]
    assert callee.ends == ["hung up"]


async def test_digits_are_pressed_once_each_and_in_order(callee: Callee) -> None:
    report = await place_call(f"sip:echo@127.0.0.1:{callee.port}", digits="19,#", duration_s=2.4)
    assert callee.echo.digits == "19#"
    assert report.ok


async def test_the_other_side_hangs_up(callee: Callee) -> None:
    report = await place_call(f"sip:bye@127.0.0.1:{callee.port}", duration_s=5.0)
    assert (report.ok, report.ended_by) == (True, "callee")
    assert "the other side hung up" in report.story()


async def test_a_refusal_is_told_with_its_status(callee: Callee) -> None:
    report = await place_call(f"sip:busy@127.0.0.1:{callee.port}")
    assert (report.ok, report.status, report.answered_ms) == (False, 486, None)
    assert report.story() == "not answered: 486 Busy Here (the line is 'taken')"


async def test_an_answer_without_sound_is_not_ok(callee: Callee) -> None:
    report = await place_call(f"sip:strange@127.0.0.1:{callee.port}")
    assert not report.ok
    assert "video" in report.reason
    assert callee.ends == ["hung up"]


async def test_giving_up_before_the_answer_cancels(callee: Callee) -> None:
    hang_up = asyncio.Event()

    def rang(words: str) -> None:
        if words.startswith("180"):
            hang_up.set()

    report = await place_call(f"sip:ring@127.0.0.1:{callee.port}", on_progress=rang, hang_up=hang_up)
    assert (report.ok, report.status) == (False, 487)
    assert callee.ends == ["cancelled"]


async def test_hanging_up_ends_a_call_early(callee: Callee) -> None:
    hang_up = asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, hang_up.set)
    report = await place_call(f"sip:echo@127.0.0.1:{callee.port}", duration_s=60.0, hang_up=hang_up)
    assert report.ok
    assert report.talked_ms < 2_000


async def test_nobody_listening_over_tcp_is_told(callee: Callee) -> None:
    async with a_callee() as gone:
        port = gone.port
    report = await place_call(f"sip:echo@127.0.0.1:{port}", transport="tcp")
    assert not report.ok
    assert report.status is None


@pytest.mark.parametrize(
    ("uri", "more", "words"),
    [
        ("tel:+123", {}, "sip"),
        ("echo", {}, "not a"),
        ("sips:echo@127.0.0.1", {}, "TLS"),
        ("sip:echo@127.0.0.1", {"transport": "sctp"}, "udp or tcp"),
        ("sip:echo@127.0.0.1", {"digits": "1x"}, "not a digit"),
        ("sip:echo@127.0.0.1", {"from_uri": "bob"}, "not a"),
        ("sip:echo@127.0.0.1", {"headers": [("X-A", "b\r\nVia: c")]}, "not a header"),
        ("sip:echo@127.0.0.1", {"headers": [("Via", "c")]}, "itself"),
        ("sip:echo@127.0.0.1", {"codecs": ["G729"]}, "not a codec that is installed: 'G729'"),
        ("sip:echo@127.0.0.1", {"codecs": []}, "not a codec that is installed"),
        ("sip:echo@127.0.0.1", {"srtp": "maybe"}, "not a mode of SRTP: 'maybe'; expected one of off, preferred"),
    ],
)
async def test_bad_arguments_send_nothing(uri: str, more: dict[str, object], words: str) -> None:
    with pytest.raises(BadCall, match=words):
        await place_call(uri, **more)  # type: ignore[arg-type]


async def test_a_file_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"no wav")
    with pytest.raises(SoundFileError, match="cannot be read as WAV"):
        await place_call("sip:echo@127.0.0.1", play=tmp_path / "x.wav")


async def test_what_the_callee_changes_is_followed_and_a_refresh_repeats_what_was_said() -> None:
    sound = PhoneSound(lambda: 0.0, 1, b"", "")
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: sound, local_addr=("127.0.0.1", 0))
    call = _Call("sip:x@y", sound, "127.0.0.1", SoundTerms(), lambda: 0.0, lambda words: None)
    offered = call.first_offer("192.0.2.9")
    call.answered(answer(offered, address="192.0.2.1", port=4_000, session_id=1).sdp)
    again = call.reoffered(offer(address="192.0.2.2", port=4_002, session_id=1, version=1))
    assert (again.status, call.offer()) == (200, again.sdp)
    call.settled(b"")  # an answer that says nothing changes nothing
    assert call._path is not None
    assert call._path.remote_address == "192.0.2.2"
    call.settled(answer(again.sdp, address="192.0.2.3", port=4_004, session_id=1).sdp)
    assert call._path.remote_address == "192.0.2.3"
    assert call.reoffered(b"v=0\r\nm=video 1 RTP/AVP 96\r\n").status == 488
    assert call.offer() == again.sdp
    assert call.reoffered(b"").sdp == call.offer()
    sound.close()
    await asyncio.sleep(0)
