"""The manners of an agent whose model only notes what it is asked."""

from collections.abc import Sequence

from callgate.brains.manners import Manners
from callgate.core.audio.format import PCM_8K, SoundFormat
from callgate.entities.json import JsonObject
from callgate.ports.brain import Brain, BrainHost, BrainPlan
from tests.brains.modelled_call import ModelledCall

SECOND = bytes(16_000)


class Polite:
    """A brain that is all manners: `asked` is what its model was asked, in order."""

    hears = speaks = PCM_8K

    def __init__(self, plan: BrainPlan, host: BrainHost) -> None:
        self.manners = Manners(plan.settings, host, self)
        self.asked: list[tuple[str, ...]] = []
        self.silent = True

    def greet(self, text: str, prompt: str) -> None:
        self.asked.append(("greet", text, prompt))

    def speak(self, text: str) -> None:
        self.asked.append(("speak", text))

    def typed(self, digits: str) -> None:
        self.asked.append(("typed", digits))

    async def start(self) -> None: ...

    def begin(self) -> None:
        self.manners.begin()

    def hear(self, frame: bytes) -> None:
        self.manners.tick()

    def held(self, on: bool) -> None:
        self.manners.held(on)

    def digit(self, digit: str, duration_ms: int) -> None:
        self.manners.digit(digit)

    def marked(self, name: str) -> None: ...
    def say(self, text: str, then_hang_up: str | None = None) -> None: ...
    def tell(self, message: JsonObject) -> None: ...
    async def close(self) -> None: ...


class Factory:
    def __init__(self) -> None:
        self.made: list[Polite] = []

    @property
    def formats(self) -> Sequence[SoundFormat]:
        return (PCM_8K,)

    def make(self, plan: BrainPlan, host: BrainHost) -> Brain:
        self.made.append(Polite(plan, host))
        return self.made[-1]

    def close(self) -> None: ...


async def begun(**settings: object) -> tuple[ModelledCall, Polite]:
    factory = Factory()
    call = ModelledCall(factory, dict(settings))  # type: ignore[arg-type]
    await call.begins()
    return call, factory.made[0]


async def test_the_agent_greets_at_once_unless_it_is_told_otherwise() -> None:
    _, polite = await begun()
    assert polite.asked == [("greet", "", "")]


async def test_it_greets_with_its_words_after_its_delay() -> None:
    call, polite = await begun(
        firstSpeakerSettings={"agent": {"text": "Hello.", "delay": "2s", "uninterruptible": True}}
    )
    call.lasts(1_980)
    assert polite.asked == []
    call.lasts(40)
    assert polite.asked == [("greet", "Hello.", "")]
    assert polite.manners.uninterruptible


async def test_it_waits_to_be_spoken_to_and_speaks_up_when_nobody_does() -> None:
    settings = {"user": {"fallback": {"delay": "3s", "prompt": "Ask who is there."}}}
    call, polite = await begun(firstSpeakerSettings=settings)
    call.lasts(3_020)
    assert polite.asked == [("greet", "", "Ask who is there.")]
    call, polite = await begun(firstSpeakerSettings=settings)
    polite.manners.caller_active()
    call.lasts(5_000)
    assert polite.asked == []


async def test_keys_are_one_entry_once_the_caller_pauses() -> None:
    call, polite = await begun(firstSpeakerSettings={"user": {}})
    for digit in "12":
        call.brain.digit(digit, 100)
        call.lasts(1_000)
    call.lasts(300)
    assert polite.asked == [("typed", "12")]


async def test_a_silent_caller_is_asked_and_then_left() -> None:
    steps = [
        {"duration": "5s", "message": "Are you there?"},
        {"duration": "5s", "message": "Goodbye.", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"},
    ]
    call, polite = await begun(firstSpeakerSettings={"user": {}}, inactivityMessages=steps)
    call.lasts(5_020)
    assert polite.asked == [("speak", "Are you there?")]
    polite.silent = False
    call.lasts(5_020)
    assert polite.asked[-1] == ("speak", "Goodbye.")
    assert call.hung_up == []
    polite.silent = True
    call.lasts(20)
    assert call.hung_up == ["inactivity"]


async def test_what_is_heard_and_the_time_on_hold_do_not_count_as_silence() -> None:
    call, polite = await begun(
        firstSpeakerSettings={"user": {}}, inactivityMessages=[{"duration": "5s", "message": "Are you there?"}]
    )
    call.bridge.play(SECOND * 3)
    call.brain.held(True)
    call.lasts(10_000)
    call.brain.held(False)
    call.lasts(4_000)
    assert polite.asked == []
    call.lasts(1_500)
    assert polite.asked == [("speak", "Are you there?")]


async def test_it_leaves_when_its_last_word_has_been_heard() -> None:
    call, polite = await begun(firstSpeakerSettings={"user": {}})
    call.bridge.play(SECOND)
    polite.manners.leave("agent-hangup")
    call.lasts(980)
    assert call.hung_up == []
    call.lasts(40)
    assert call.hung_up == ["agent-hangup"]


async def test_it_leaves_after_ten_seconds_whatever_is_still_to_be_said() -> None:
    call, polite = await begun(firstSpeakerSettings={"user": {}})
    polite.silent = False
    polite.manners.leave("agent-hangup")
    call.lasts(9_980)
    assert call.hung_up == []
    call.lasts(40)
    assert call.hung_up == ["agent-hangup"]


async def test_a_caller_takes_back_a_soft_farewell_only() -> None:
    for soft in (True, False):
        call, polite = await begun(firstSpeakerSettings={"user": {}})
        polite.silent = False
        polite.manners.leave("agent-hangup", soft=soft)
        polite.manners.caller_active()
        assert polite.manners.leaving is not soft
