"""Calls that callers send on: what the settings say of it."""

from collections.abc import Callable

from callgate.app.first_start import CannotStart
from callgate.calls.registry import Registry
from callgate.calls.target import Transfers
from callgate.config.settings import Settings
from callgate.core.sdp.terms import SoundPolicy
from callgate.core.sip.refer_destinations import parse_allowed


def transfers_of(settings: Settings, registry: Registry, sound: Callable[[], SoundPolicy]) -> Transfers | None:
    """What holds for them; ``None``: no call is sent on.

    Raises:
        CannotStart: an entry of the list is none.
    """
    if not settings.sip_refer:
        return None
    try:
        allowed = [parse_allowed(text) for text in settings.sip_refer_destinations]
    except ValueError as error:
        raise CannotStart(f"sip.refer_destinations has {error}") from None
    return Transfers(allowed, lambda transport, address: sound().of(transport, address), registry.moved)
