from typing import Any

from callgate.media.turns import Turns


class Talk:
    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[dict[str, Any]] = []
        self.turns = Turns(lambda: self.now, self.told.append)

    def after(self, ms: float) -> Turns:
        self.now += ms / 1_000
        return self.turns


def test_each_step_of_an_answer_is_timed_from_the_callers_last_sound() -> None:
    talk = Talk()
    talk.after(0).heard(5_000)
    for _ in range(10):
        talk.after(20).heard(10)
    talk.after(300).noticed()
    talk.after(250).sounded()
    talk.after(9).sent()
    assert talk.told == [{"noticedMs": 500.0, "firstSoundMs": 750.0, "firstPacketMs": 759.0, "gatewayMs": 9.0}]


def test_a_brain_that_does_not_say_what_it_notices_is_timed_all_the_same() -> None:
    talk = Talk()
    talk.after(0).heard(5_000)
    talk.after(400).sounded()
    talk.after(20).sent()
    talk.after(20).sent()
    assert [turn["noticedMs"] for turn in talk.told] == [None]


def test_what_the_agent_says_of_its_own_accord_is_no_answer() -> None:
    talk = Talk()
    talk.after(0).sounded()
    talk.after(20).sent()
    talk.after(20).heard(5_000)
    talk.after(100_000).sounded()
    talk.after(20).sent()
    assert talk.told == []


def test_sound_that_came_while_the_caller_spoke_is_no_answer() -> None:
    talk = Talk()
    talk.after(0).heard(5_000)
    talk.after(10).sounded()
    talk.after(5).heard(5_000)
    talk.after(5).sent()
    assert talk.told == []
