"""The transport that a bot's function is given. Loads Pipecat, so only a bot's process may load it.

Events, for `event_handler`: ``on_client_connected(transport, call)`` when the caller is there,
``on_client_disconnected(transport, call)`` when the call is over (without a handler, the pipeline is cancelled),
``on_say(transport, text, last)`` when the node wants something said (without one, a `TTSSpeakFrame` is pushed, and an
`EndWorkerFrame` after the last words), and ``on_held(transport, on)``.
"""

import asyncio
from typing import Any, Final

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    CancelFrame,
    CancelWorkerFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InputTransportMessageFrame,
    InterruptionFrame,
    LLMMessagesAppendFrame,
    OutputAudioRawFrame,
    OutputDTMFFrame,
    OutputDTMFUrgentFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    StartFrame,
    TranscriptionFrame,
    TTSSpeakFrame,
    TTSTextFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.utils.string import TextPartForConcatenation, concatenate_aggregated_text

from callgate.brains.pipecat.call import Call as Call
from callgate.brains.pipecat.pacing import Pacing
from callgate.brains.pipecat.process import Link
from callgate.brains.pipecat.wire import Frame as WireFrame
from callgate.brains.pipecat.wire import Kind, read_object, read_sound

_HELD_S_MAX: Final = (
    86_400.0  # a caller who holds hears nothing, and a write waits for as long; Pipecat's limit is 10 s
)
_WAITING_MAX: Final = 500  # frames for the pipeline, 10 s: one that takes none has no input, or has ended
_CHUNKS_OF_10_MS: Final = 2  # what a packet holds
_RTVI_LABEL: Final = "rtvi-ai"  # of messages for Pipecat's clients in a browser, which a telephone has none of
_KEYS: Final = frozenset(entry.value for entry in KeypadEntry)


class CallgateTransport(BaseTransport):
    """A call of Callgate's, for a pipeline.

    Attributes:
        call: what is known of it.
        params: of both ends, e.g. a mixer or a filter; to be changed before `input` and `output` are called.
    """

    def __init__(self, link: Link) -> None:
        super().__init__(name="Callgate")
        self._link = link
        self.call = link.call
        self.params = TransportParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_out_10ms_chunks=_CHUNKS_OF_10_MS,
            audio_out_end_silence_secs=0,  # the call ends when all has been heard, and not before
            audio_out_write_timeout_secs=_HELD_S_MAX,
        )
        self.frames: asyncio.Queue[WireFrame] = asyncio.Queue()
        self.pacing = Pacing(lambda sound: link.send(Kind.SPEECH, sound), lambda: link.send(Kind.CLEAR))
        self._input: CallgateInput | None = None
        self._output: CallgateOutput | None = None
        self._running = False
        self._tasks: set[asyncio.Task[None]] = set()
        for event in ("on_client_connected", "on_client_disconnected", "on_say", "on_held"):
            self._register_event_handler(event)
        link.take = self._take
        link.over = self._over

    def input(self) -> "CallgateInput":
        """What the caller says and types."""
        if self._input is None:
            self._input = CallgateInput(self)
        return self._input

    def output(self) -> "CallgateOutput":
        """What the caller hears."""
        if self._output is None:
            self._output = CallgateOutput(self)
        return self._output

    async def said(self, role: str, text: str) -> None:
        """Put something said into the call's messages.

        Args:
            role: ``user`` or ``agent``.
            text: what.
        """
        if text.strip():
            self._link.send_object(Kind.SAID, role=role, text=text.strip())

    async def fail(self, words: str) -> None:
        """Give the call up: the next model of the configuration takes over, or the call ends."""
        self._link.send(Kind.FAILED, words.encode())

    # ----------------------------------------------------------------------------------------- for input and output

    def tell(self, kind: Kind, **fields: Any) -> None:
        """Tell the worker."""
        self._link.send_object(kind, **fields)

    def runs(self, hears_hz: int, speaks_hz: int) -> None:
        """The pipeline runs."""
        self._running = True
        self.pacing.begin(2 * speaks_hz // 1_000)
        self.tell(Kind.READY, hears=hears_hz, speaks=speaks_hz)

    def hang_up(self) -> None:
        """The pipeline is at its end."""
        self._running = False
        self._link.send(Kind.HANG_UP)

    def listens(self, event: str) -> bool:
        """Whether a handler was added."""
        return bool(self._event_handlers[event].handlers)

    async def happen(self, event: str, *args: object) -> None:
        """Call the handlers."""
        await self._call_event_handler(event, *args)

    def _take(self, frame: WireFrame) -> None:
        if frame.kind is Kind.SOUND:
            heard, sound = read_sound(frame.body)
            self.pacing.heard(heard)
            if self.frames.qsize() >= _WAITING_MAX:
                return
            frame = frame._replace(body=sound)
        self.frames.put_nowait(frame)

    def _over(self, left: bool) -> None:
        self.pacing.close()
        task = asyncio.get_running_loop().create_task(self._leave(left))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self, left: bool) -> None:
        if left and self.listens("on_client_disconnected"):
            await self.happen("on_client_disconnected", self.call)
        elif self._running and self._input is not None:
            await self._input.push_frame(CancelWorkerFrame(reason="the call is over"), FrameDirection.UPSTREAM)


class CallgateInput(BaseInputTransport):
    """What the caller says and types."""

    def __init__(self, transport: CallgateTransport) -> None:
        super().__init__(transport.params)
        self._call = transport
        self._feeding: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        """The pipeline runs."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        if self._feeding is None:
            self._feeding = self.create_task(self._feed())

    async def stop(self, frame: EndFrame) -> None:
        """It ends."""
        await self._stop_feeding()
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """It ends at once."""
        await self._stop_feeding()
        await super().cancel(frame)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Pass a frame on; models that listen by themselves push upstream what the caller said."""
        if direction is FrameDirection.UPSTREAM and isinstance(frame, TranscriptionFrame):
            await self._call.said("user", frame.text)
        await super().push_frame(frame, direction)

    async def _stop_feeding(self) -> None:
        if self._feeding is not None:
            await self.cancel_task(self._feeding)
            self._feeding = None

    async def _feed(self) -> None:
        while True:
            frame = await self._call.frames.get()
            if frame.kind is Kind.SOUND:
                await self.push_audio_frame(InputAudioRawFrame(frame.body, self.sample_rate, 1))
            else:
                await self._happened(frame)

    async def _happened(self, frame: WireFrame) -> None:
        match frame.kind:
            case Kind.BEGIN:
                await self._call.happen("on_client_connected", self._call.call)
            case Kind.DIGIT:
                digit = read_object(frame.body)["digit"]
                if digit in _KEYS:  # Pipecat has no name for A to D
                    await self.push_frame(InputDTMFFrame(KeypadEntry(digit)))
            case Kind.HELD:
                await self._call.happen("on_held", read_object(frame.body)["on"])
            case Kind.SAY:
                wanted = read_object(frame.body)
                await self._say(wanted["text"], wanted["last"])
            case Kind.TELL:
                await self._told(read_object(frame.body))

    async def _say(self, text: str, last: bool) -> None:
        if self._call.listens("on_say"):
            await self._call.happen("on_say", text, last)
            return
        await self.broadcast_interruption()
        await self.push_frame(TTSSpeakFrame(text))
        if last:
            await self.push_frame(EndWorkerFrame())

    async def _told(self, message: dict[str, Any]) -> None:
        if message.get("type") == "forced_agent_message":
            if message.get("urgency") == "immediate":
                await self.broadcast_interruption()
            await self.push_frame(TTSSpeakFrame(str(message.get("content", ""))))
        elif message.get("type") == "user_text_message":
            if message.get("urgency") == "immediate":
                await self.broadcast_interruption()
            said = {"role": "user", "content": str(message.get("text", ""))}
            await self.push_frame(LLMMessagesAppendFrame([said], run_llm=message.get("urgency") != "later"))
        else:
            await self.push_frame(InputTransportMessageFrame(message))


class CallgateOutput(BaseOutputTransport):
    """What the caller hears."""

    def __init__(self, transport: CallgateTransport) -> None:
        super().__init__(transport.params)
        self._call = transport
        self._spoken: list[TextPartForConcatenation] = []
        self._interrupting = False

    async def start(self, frame: StartFrame) -> None:
        """The pipeline runs: the call can be answered."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._call.runs(self._call.input().sample_rate or self.sample_rate, self.sample_rate)

    async def stop(self, frame: EndFrame) -> None:
        """All has been written."""
        await super().stop(frame)
        await self._note()
        self._call.hang_up()

    async def cancel(self, frame: CancelFrame) -> None:
        """It ends at once; what was written before is still heard."""
        await super().cancel(frame)
        await self._note()
        self._call.hang_up()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take a frame; an interruption reaches the caller before anything else is done about it."""
        if not isinstance(frame, InterruptionFrame):
            await super().process_frame(frame, direction)
            return
        self._interrupting = True
        try:
            self._call.pacing.interrupt()
            await super().process_frame(frame, direction)
        finally:
            self._interrupting = False

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Pass a frame on, which has been spoken by now; what it tells of the conversation is noted."""
        if direction is FrameDirection.DOWNSTREAM:
            if isinstance(frame, TTSTextFrame):
                self._spoken.append(TextPartForConcatenation(frame.text, frame.includes_inter_frame_spaces))
            elif isinstance(frame, TranscriptionFrame):
                await self._call.said("user", frame.text)
            elif isinstance(frame, UserStoppedSpeakingFrame):
                self._call.tell(Kind.TURN)
            elif isinstance(frame, BotStoppedSpeakingFrame | InterruptionFrame):
                await self._note()
        await super().push_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Have sound heard; returns when the caller has caught up with it."""
        if self._interrupting and frame.interruptible:
            return False
        return await self._call.pacing.write(frame.audio, interruptible=frame.interruptible)

    async def send_message(self, frame: OutputTransportMessageFrame | OutputTransportMessageUrgentFrame) -> None:
        """A message of the bot's application."""
        message = frame.message
        if isinstance(message, dict) and message.get("label") != _RTVI_LABEL:
            self._call.tell(Kind.MESSAGE, message=message)

    def _supports_native_dtmf(self) -> bool:
        return True

    async def _write_dtmf_native(self, frame: OutputDTMFFrame | OutputDTMFUrgentFrame) -> None:
        self._call.tell(Kind.DIGITS, digits="".join(str(button.value) for button in frame.buttons or ()))

    async def _note(self) -> None:
        spoken, self._spoken = self._spoken, []
        await self._call.said("agent", concatenate_aggregated_text(spoken))
