"""What counts as taken, and when what was not is tried again."""

from typing import Final

TRIES_MAX: Final = 10  # the public figure
FIRST_PAUSE_S: Final = 30.0  # likewise; each further pause is twice as long, so the last try is some 4 h 15 min later
# Of a pause, how much it may be shorter or longer: what failed together must not come back together.
_SPREAD: Final = 0.1


def is_taken(status: int) -> bool:
    """Whether an HTTP status says that an event was taken: any 2xx. A redirect is not followed, so it says no."""
    return 200 <= status < 300


def pause_s(tries: int, chance: float, first_s: float = FIRST_PAUSE_S) -> float | None:
    """How long to wait after a try that failed.

    Args:
        tries: made so far, at least 1.
        chance: 0 to 1, drawn for this pause.
        first_s: the pause after the first try.

    Returns:
        Seconds; ``None``: it is given up.
    """
    if tries >= TRIES_MAX:
        return None
    spread: float = 1 + _SPREAD * (2 * chance - 1)
    return first_s * 2.0 ** (tries - 1) * spread
