import asyncio

from callgate.app.outgoing import outgoing_of
from callgate.calls.registry import Registry
from callgate.config.settings import Settings
from callgate.core.sdp.terms import sound_policy
from callgate.runtime.address_guard import AddressGuard
from tests.calls.stage import Stage


async def test_calls_are_placed_only_where_the_operator_wants_it() -> None:
    await asyncio.sleep(0)
    stage, policy = Stage(), sound_policy()
    guard = AddressGuard(allow_loopback=True)
    made = [
        outgoing_of(settings, stage.media, Registry(), stage.around, lambda: policy, guard)
        for settings in (Settings(), Settings(sip_outgoing=True))
    ]
    assert made[0] is None
    assert made[1] is not None
    assert made[1].refusal("sip:100@127.0.0.1") is None
    assert made[1].refusal("sip:100@pbx.example") is None
    assert made[1].refusal("sip:100@192.168.0.1") == "a private address may not be reached: `192.168.0.1`"
    await stage.tasks.close()
