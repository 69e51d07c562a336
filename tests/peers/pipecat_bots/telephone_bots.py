"""Pipecat bots that tests call: real pipelines, with what stands for a model made of keys and tones.

Keys: `0` an application's message, `1` interrupt, `2` press keys, `3` five seconds of tone, `4` transcripts, `5` hang,
`6` the end of the pipeline, `7` the caller's turn is over, `8` give the call up, `9` say goodbye and hang up,
`*` raise, `#` return.
"""

import asyncio
import math
import os
import struct
import time
from pathlib import Path
from typing import Any

from pipecat.frames.frames import (
    CancelWorkerFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InputTransportMessageFrame,
    LLMMessagesAppendFrame,
    OutputAudioRawFrame,
    OutputDTMFUrgentFrame,
    OutputTransportMessageUrgentFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from callgate.brains.pipecat.transport import Call, CallgateTransport

SPEECH_HZ = 700
RATE_HZ = 16_000


def tone(ms: int) -> bytes:
    count = RATE_HZ * ms // 1_000
    samples = (int(10_000 * math.sin(2 * math.pi * SPEECH_HZ * at / RATE_HZ)) for at in range(count))
    return struct.pack(f"<{count}h", *samples)


class Model(FrameProcessor):
    """Hears keys, and speaks tones."""

    def __init__(self, *, echo: bool) -> None:
        super().__init__()
        self._echo = echo
        self.left: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case InputAudioRawFrame():
                if self._echo:
                    await self.push_frame(OutputAudioRawFrame(frame.audio, frame.sample_rate, 1))
            case InputDTMFFrame():
                await self._key(str(frame.button.value))
            case TTSSpeakFrame():
                await self._speak(frame.text)
            case LLMMessagesAppendFrame():
                await self._speak(f"you wrote {frame.messages[0]['content']}")
            case InputTransportMessageFrame():
                await self.push_frame(OutputTransportMessageUrgentFrame({"told": frame.message}))
            case _:
                await self.push_frame(frame, direction)

    async def _key(self, key: str) -> None:
        match key:
            case "0":
                await self.push_frame(OutputTransportMessageUrgentFrame({"order": 7}))
                await self.push_frame(OutputTransportMessageUrgentFrame({"label": "rtvi-ai", "type": "bot-ready"}))
            case "1":
                await self.broadcast_interruption()
            case "2":
                await self.push_frame(OutputDTMFUrgentFrame.from_string("42#"))
            case "3":
                await self.push_frame(OutputAudioRawFrame(tone(5_000), RATE_HZ, 1))
            case "4":
                await self.push_frame(TranscriptionFrame("down", "", ""))
                await self.push_frame(TranscriptionFrame("up", "", ""), FrameDirection.UPSTREAM)
            case "5":
                time.sleep(60)  # noqa: ASYNC251 (as a careless bot does)
            case "6":
                await self.push_frame(CancelWorkerFrame())
            case "7":
                await self.push_frame(UserStoppedSpeakingFrame())
            case "9":
                await self._speak("goodbye")
                await self.push_frame(EndWorkerFrame())
            case _:
                self.left.set_result(key)

    async def _speak(self, text: str) -> None:
        await self.push_frame(TTSStartedFrame())
        await self.push_frame(TTSAudioRawFrame(tone(400), RATE_HZ, 1))
        for word in text.split():
            await self.push_frame(TTSTextFrame(word, "word"))
        await self.push_frame(TTSStoppedFrame())


async def run_bot(transport: CallgateTransport, call: Call) -> None:
    """The bot; what it does besides is said by the call's metadata."""
    wanted = call.metadata
    if "fails" in wanted:
        raise RuntimeError(wanted["fails"])
    model = Model(echo="echo" in wanted or call.settings.get("systemPrompt") == "Echo.")
    rate_hz = int(wanted.get("rate", RATE_HZ))
    worker = PipelineWorker(
        Pipeline([transport.input(), model, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=rate_hz, audio_out_sample_rate=rate_hz),
        idle_timeout_secs=None,
    )
    if "knows" in wanted:

        @transport.event_handler("on_client_connected")
        async def connected(transport: CallgateTransport, call: Call) -> None:
            known: dict[str, Any] = {name: getattr(call, name) for name in call.__slots__}
            await worker.queue_frame(OutputTransportMessageUrgentFrame({"known": known, "pid": os.getpid()}))

        @transport.event_handler("on_held")
        async def held(transport: CallgateTransport, on: bool) -> None:
            await worker.queue_frame(OutputTransportMessageUrgentFrame({"held": on}))

        @transport.event_handler("on_say")
        async def say(transport: CallgateTransport, text: str, last: bool) -> None:
            await transport.said("agent", f"{text}, last: {last}")

    if "file" in wanted:

        @transport.event_handler("on_client_disconnected")
        async def disconnected(transport: CallgateTransport, call: Call) -> None:
            await asyncio.to_thread(Path(wanted["file"]).write_text, f"{call.call_id} is over")
            await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.ensure_future(runner.run())
    await asyncio.wait((running, model.left), return_when=asyncio.FIRST_COMPLETED)
    if model.left.done():
        if model.left.result() == "8":
            await transport.fail("out of ideas")
            await running
        if model.left.result() == "*":
            raise RuntimeError("a star")
    else:
        await running


async def run_nothing(transport: CallgateTransport, call: Call) -> None:
    """A bot whose pipeline does not run."""
    left = asyncio.Event()
    transport.add_event_handler("on_client_disconnected", lambda transport, call: left.set())
    await left.wait()


def not_async(transport: CallgateTransport, call: Call) -> None:
    """No bot: it cannot be awaited."""
