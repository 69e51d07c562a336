import pytest

from callgate.brains.agent_state import ABSORBED, TRANSITIONS, AgentState, Input, State


class Agent:
    """One whose state is watched; time passes by frames."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.state = AgentState(self.told.append)
        self.now_s = 10.0

    def happens(self, *inputs: Input) -> "Agent":
        for input in inputs:
            self.state.happen(input, self.now_s)
        return self

    def lasts(self, ms: int, sounds: bool = False) -> "Agent":
        for _ in range(ms // 20):
            self.now_s += 0.020
            self.state.tick(sounds, self.now_s)
        return self


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("input", Input)
def test_every_pair_has_one_answer(state: State, input: Input) -> None:
    assert ((state, input) in TRANSITIONS) != ((state, input) in ABSORBED)


def test_a_turn() -> None:
    agent = Agent().happens(Input.BEGAN).lasts(1_000).happens(Input.TURN_ENDED).lasts(400)
    agent.lasts(1_000, sounds=True).lasts(1_000)
    assert agent.told == ["listening", "thinking", "speaking", "listening"]


def test_gaps_of_some_frames_are_no_pause() -> None:
    agent = Agent().happens(Input.BEGAN)
    for _ in range(10):
        agent.lasts(40, sounds=True).lasts(160)
    assert agent.told == ["listening", "speaking"]
    agent.lasts(60)
    assert agent.told[-1] == "listening"


def test_an_interruption_is_listened_to_at_once() -> None:
    agent = Agent().happens(Input.BEGAN).lasts(100, sounds=True)
    agent.happens(Input.CALLER_SPEAKS, Input.QUIET, Input.TURN_ENDED)
    assert agent.told == ["listening", "speaking", "listening", "thinking"]


def test_who_speaks_again_is_listened_to() -> None:
    agent = Agent().happens(Input.BEGAN, Input.TURN_ENDED, Input.CALLER_SPEAKS)
    assert agent.told == ["listening", "thinking", "listening"]


def test_nobody_thinks_for_ever() -> None:
    agent = Agent().happens(Input.BEGAN, Input.TURN_ENDED).lasts(59_000)
    assert agent.told == ["listening", "thinking"]
    agent.lasts(2_000)
    assert agent.told == ["listening", "thinking", "listening"]


def test_nothing_changes_before_the_call_begins() -> None:
    agent = Agent().happens(Input.TURN_ENDED, Input.SOUND).lasts(100, sounds=True)
    assert agent.told == []
