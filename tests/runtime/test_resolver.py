"""Names resolved with the guard behind every answer."""

import pytest

from callgate.runtime.address_guard import AddressGuard
from callgate.runtime.resolver import ForbiddenAddress, GuardedResolver


async def test_a_name_leads_to_addresses_that_may_be_reached() -> None:
    resolver = GuardedResolver(AddressGuard(allow_loopback=True))
    found = await resolver.resolve("localhost", 80)
    assert {entry["host"] for entry in found} <= {"127.0.0.1", "::1"}
    assert found
    assert all(entry["port"] == 80 for entry in found)
    await resolver.close()


async def test_a_name_of_forbidden_addresses_alone_is_forbidden() -> None:
    resolver = GuardedResolver(AddressGuard())
    with pytest.raises(ForbiddenAddress, match="loopback"):
        await resolver.resolve("localhost", 80)
    await resolver.close()


async def test_an_unknown_name_is_an_error_of_the_system() -> None:
    resolver = GuardedResolver(AddressGuard())
    with pytest.raises(OSError, match=".") as error:
        await resolver.resolve("name.invalid", 80)
    assert not isinstance(error.value, ForbiddenAddress)
    await resolver.close()
