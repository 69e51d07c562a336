from callgate.entities.quality import SoundQuality
from tests.calls.stage import ACCOUNT, Stage


async def test_calls_are_counted_by_account_and_found_by_id(stage: Stage) -> None:
    assert await stage.registry.ended(0)
    first, second = await stage.joined(), await stage.joined()
    assert len(stage.registry) == stage.registry.of_account(ACCOUNT) == 2
    assert stage.registry.of_account("another") == 0
    call_id = stage.call.call_id
    assert stage.registry.is_live(call_id)
    assert not stage.registry.is_live("unknown")
    assert second.listener is not None
    second.listener.hung_up("")
    await stage.count_sound()
    assert not stage.registry.is_live(call_id)
    assert len(stage.registry) == stage.registry.of_account(ACCOUNT) == 1
    assert first.did[-1][0] == "answer"


async def test_the_sound_of_a_call_in_progress_is_shown_as_it_was_measured_last(stage: Stage) -> None:
    leg = await stage.joined()
    call_id = stage.call.call_id
    assert stage.registry.quality(call_id) == SoundQuality()
    measured = SoundQuality("PCMA", packets_received=100, mos=4.4)
    stage.agent.measured(measured)
    assert stage.registry.quality(call_id) is measured
    assert stage.registry.quality("unknown") is None
    assert leg.listener is not None
    leg.listener.hung_up("")
    await stage.count_sound()
    assert stage.registry.quality(call_id) is None


async def test_only_a_joined_call_can_be_hung_up(stage: Stage) -> None:
    leg = await stage.invite()
    call_id = stage.call.call_id
    assert not stage.registry.hang_up(call_id)
    assert not stage.registry.hang_up("unknown")
    stage.agent.ready()
    await stage.settle()
    assert not stage.registry.hang_up(call_id)  # no ACK yet
    assert leg.listener is not None
    leg.listener.confirmed(b"")
    assert stage.registry.hang_up(call_id)
    assert leg.did[-1][0] == "bye"


async def test_leaving_twice_counts_once(stage: Stage) -> None:
    await stage.joined()
    (runner,) = stage.registry._runners
    for _ in range(2):
        stage.registry.leave(runner)
    assert len(stage.registry) == stage.registry.of_account(ACCOUNT) == 0


async def test_draining_waits_and_then_hangs_up_what_is_left(stage: Stage) -> None:
    leg = await stage.joined()
    await stage.registry.drain(0)
    assert leg.did[-1][0] == "bye"
    assert not await stage.registry.ended(0)  # its sound is being counted
    await stage.count_sound()
    assert await stage.registry.ended(0)
    assert stage.call.outcome == "drained"


async def test_a_call_is_found_by_its_dialog_until_it_moves_or_ends(stage: Stage) -> None:
    leg = await stage.joined()
    runner = stage.registry.in_dialog(leg.dialog_name)
    assert runner is not None
    stage.registry.moved(runner, ("elsewhere", "a", "b"))
    assert stage.registry.in_dialog(leg.dialog_name) is None
    assert stage.registry.in_dialog(("elsewhere", "a", "b")) is runner
    assert leg.listener is not None
    leg.listener.hung_up("")
    await stage.count_sound()
    assert stage.registry.in_dialog(("elsewhere", "a", "b")) is None
