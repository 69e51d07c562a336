import pytest

from tests.signaling.conftest import House


async def test_a_port_that_is_taken_is_told(house: House) -> None:
    other = House()
    with pytest.raises(OSError, match="in use"):
        await other.open(house.address[1])
