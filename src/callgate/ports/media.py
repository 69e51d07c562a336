"""What media and calls say to each other."""

from collections.abc import Callable
from typing import Protocol

from callgate.core.sdp.path import SoundPath
from callgate.entities.call import ToolUse
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality
from callgate.ports.brain import BrainPlan, NewStage


class SessionListener(Protocol):
    """Who is told what a media session does. Called on the event loop; nothing comes after `closed`."""

    def ready(self) -> None:
        """The brain is connected and can speak."""
        ...

    def brain_failed(self, reason: str) -> None:
        """The brain could not be started, or failed during the call."""
        ...

    def message(
        self, role: str, text: str, medium: str, start_ms: float | None, end_ms: float | None, tool: ToolUse | None
    ) -> None:
        """Something was said, or a tool was used; times in ms since `begin`."""
        ...

    def stage(self, settings: JsonObject) -> NewStage:
        """A tool wants the call to enter another stage: see `BrainHost.stage`.

        Raises:
            StageRefused: it does not.
        """
        ...

    def event(self, severity: str, type: str, text: str, extras: JsonObject) -> None:
        """Something noteworthy happened."""
        ...

    def hang_up_requested(self, outcome: str) -> None:
        """The brain has said its last word (``agent-hangup``, ``inactivity``, ``max-duration``: a slug)."""
        ...

    def measured(self, quality: SoundQuality) -> None:
        """How the sound fares, every few seconds."""
        ...

    def closed(self, quality: SoundQuality) -> None:
        """The session is over, because we asked for it."""
        ...

    def lost(self) -> None:
        """The worker died and took the session with it. Nothing follows."""
        ...


class MediaSession(Protocol):
    """The sound of one call, somewhere in a worker. Every verb is a message and returns at once."""

    @property
    def rtp_port(self) -> int:
        """The even local port of the session, bound before it was promised."""
        ...

    def open(
        self, brain: BrainPlan, path: SoundPath | None, listener: SessionListener, *, record: bool = False
    ) -> None:
        """Bind sound to brain and start connecting the brain.

        Args:
            brain: what to make it of.
            path: ``None`` until a delayed offer is answered.
            listener: who is told.
            record: whether both sides are recorded from `begin` on.
        """
        ...

    def redirect(self, path: SoundPath) -> None:
        """The SDP changed: new address, codec, direction."""
        ...

    def begin(self) -> None:
        """The call is joined and the peer's address is proved: sound may leave, and the brain may greet."""
        ...

    def digit(self, digit: str, duration_ms: int) -> None:
        """A digit that did not come over RTP."""
        ...

    def say(self, text: str, then_hang_up: str | None = None) -> None:
        """Have the brain speak `text` now; when `then_hang_up` is a slug, ask to hang up with it afterwards."""
        ...

    def tell(self, message: JsonObject) -> None:
        """Give the brain a data message of the public API, validated: see `Brain.tell`."""
        ...

    def press(self, digits: str) -> None:
        """Press keys towards the caller; what is no key has been refused before."""
        ...

    def close(self) -> None:
        """End the session, give slot and port back. Also the way out of a reservation that was never opened."""
        ...


class ClientSession(MediaSession, Protocol):
    """The sound of a client that has joined without a phone. Its `open` takes no path, and it holds no port."""

    def on_left(self, left: Callable[[bool, str], None]) -> None:
        """Say who is told that the client has gone: whether it said goodbye, and words."""
        ...

    def dismiss(self, code: int, words: str) -> None:
        """Close its connection, with a code of RFC 6455 section 7.4 (Status Codes)."""
        ...


class Media(Protocol):
    """Where sessions come from: credits that workers have granted, held here, so that reserving needs no await."""

    @property
    def free(self) -> int:
        """How many sessions could be reserved now."""
        ...

    def reserve(self) -> MediaSession | None:
        """Take a slot with its port; ``None`` when there is none. Whoever reserves must `close`."""
        ...
