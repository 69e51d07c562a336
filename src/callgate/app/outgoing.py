"""Calls that the API has us place: what the settings say of it."""

from collections.abc import Callable

from callgate.calls.outgoing import OutgoingCalls
from callgate.calls.registry import Registry
from callgate.calls.surroundings import Surroundings
from callgate.config.settings import Settings
from callgate.core.sdp.terms import SoundPolicy
from callgate.ports import Media
from callgate.runtime.address_guard import AddressGuard


def outgoing_of(
    settings: Settings,
    media: Media,
    registry: Registry,
    around: Surroundings,
    sound: Callable[[], SoundPolicy],
    guard: AddressGuard,
) -> OutgoingCalls | None:
    """What places them; ``None``: nobody does."""
    if not settings.sip_outgoing:
        return None
    return OutgoingCalls(
        media=media,
        registry=registry,
        around=around,
        sound=lambda transport, address: sound().of(transport, address),
        refusal=guard.refusal,
    )
