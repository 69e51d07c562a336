from callgate.brains.inactivity import OWN_SCHEDULE, Ending, Inactivity, TimedMessage, schedule

STEPS = (TimedMessage(10.0, "one", Ending.NONE), TimedMessage(5.0, "two", Ending.STRICT))


def test_steps_come_one_after_the_other_each_once() -> None:
    silence = Inactivity(STEPS, 0.0)
    due = {second: step.text for second in range(60) if (step := silence.due(float(second)))}
    assert due == {10: "one", 15: "two"}


def test_a_caller_who_speaks_begins_all_anew() -> None:
    silence = Inactivity(STEPS, 0.0)
    assert silence.due(10.0) is STEPS[0]
    silence.caller_active(12.0)
    assert silence.due(21.9) is None
    assert silence.due(22.0) is STEPS[0]


def test_silence_begins_when_the_agent_has_finished_and_the_sequence_goes_on() -> None:
    silence = Inactivity(STEPS, 0.0)
    assert silence.due(10.0) is STEPS[0]
    silence.agent_active(12.0)
    assert silence.due(16.9) is None
    assert silence.due(17.0) is STEPS[1]


def test_settings_are_read_and_their_absence_means_our_own() -> None:
    assert schedule({}) == OWN_SCHEDULE
    assert schedule({"inactivityMessages": []}) == ()
    steps = schedule(
        {"inactivityMessages": [{"duration": "4s", "message": "x", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"}]}
    )
    assert steps == (TimedMessage(4.0, "x", Ending.SOFT),)


def test_time_on_hold_does_not_count() -> None:
    silence = Inactivity(STEPS, 0.0)
    silence.wait(30.0)
    assert silence.due(39.9) is None
    assert silence.due(40.0) is STEPS[0]
