import pytest

from callgate.brains.heard import part_of


@pytest.mark.parametrize(
    ("share", "part"), [(0, ""), (0.3, "one"), (0.6, "one two"), (0.99, "one two"), (1, "one two three")]
)
def test_the_part_of_a_text_that_was_heard(share: float, part: str) -> None:
    assert part_of("one two three", share) == part
