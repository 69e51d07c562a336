"""A Pipecat bot in thirty lines: it repeats what it hears, and hangs up at the key 9.

Configure `[models.mine]` with ``kind = "pipecat"``, ``bot = "pipecat_bot:run_bot"`` and ``path = "docs/examples"``. A
bot of yours has speech recognition, a model and a voice where this one has `Echo`.
"""

from pipecat.frames.frames import EndWorkerFrame, Frame, InputAudioRawFrame, InputDTMFFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from callgate.brains.pipecat.transport import Call, CallgateTransport


class Echo(FrameProcessor):
    """Sound in, sound out."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """One frame."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self.push_frame(OutputAudioRawFrame(frame.audio, frame.sample_rate, 1))
        elif isinstance(frame, InputDTMFFrame) and frame.button.value == "9":
            await self.push_frame(EndWorkerFrame())
        else:
            await self.push_frame(frame, direction)


async def run_bot(transport: CallgateTransport, call: Call) -> None:
    """One call."""
    print("a call rings:", call.call_id, "from", call.caller, flush=True)
    worker = PipelineWorker(
        Pipeline([transport.input(), Echo(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=8_000, audio_out_sample_rate=8_000),
        idle_timeout_secs=None,  # Pipecat ends a pipeline that has been idle for five minutes
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()
