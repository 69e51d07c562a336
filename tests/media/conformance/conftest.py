"""Where calls take place."""

from collections.abc import Callable, Iterator

import pytest

from tests.media.conformance.engine import Place

MakePlace = Callable[..., Place]


@pytest.fixture
def place() -> Iterator[MakePlace]:
    """Makes calls, and hangs them up."""
    made: list[Place] = []

    def make(*formats: object, **path: object) -> Place:
        made.append(Place(*formats, **path))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
