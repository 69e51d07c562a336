"""How a command of a node's operator fails.

Failed             exit code 1
├── Unreachable    nobody answers there
└── Refused        the node said no
Misused            exit code 2: the command line, or a file that it names
"""

from typing import Any


class Failed(Exception):
    """It could not be done; words for people, a line per mistake."""


class Unreachable(Failed):
    """No node answers."""


class Refused(Failed):
    """The node answered with a status of 400 or more.

    Attributes:
        status: of the answer.
        body: its JSON; ``None`` when it had none.
        retry_after_s: how long the node asks to wait; ``None``: it does not say.
    """

    def __init__(self, words: str, status: int, body: Any, retry_after_s: float | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s


class Misused(Exception):
    """The command was given what it cannot use; words for people, one line."""
