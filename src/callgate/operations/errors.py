"""Why an operation was not done, beside `schema.errors.Invalid`; the message is for whoever asked.

::

    Exception
    └── Refused             by its HTTP status
        ├── Unknown         401
        ├── Forbidden       403
        ├── NotFound        404
        ├── Conflict        409
        ├── Outdated        412
        ├── NotNow          422
        ├── TooEarly        425
        └── Full            429, 503, with when to ask again
"""


class Refused(Exception):
    """The operation was not done.

    Attributes:
        status: of the HTTP answer.
    """

    status = 400


class Unknown(Refused):
    """Nobody can say who asks."""

    status = 401


class Forbidden(Refused):
    """The thing is not the account's to change, or not by this key."""

    status = 403


class NotFound(Refused):
    """No such thing in this account."""

    status = 404


class Conflict(Refused):
    """The thing is in a state that forbids it."""

    status = 409


class Outdated(Refused):
    """The change was made for a version that is no longer in force."""

    status = 412


class Full(Refused):
    """A limit is reached; it may be otherwise in a moment.

    Attributes:
        status: 429 when it is the account's own, 503 when it is the node's.
        retry_after_s: when to ask again.
    """

    def __init__(self, words: str, status: int, retry_after_s: int) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after_s = retry_after_s


class TooEarly(Refused):
    """The thing will be there once something is over that goes on."""

    status = 425


class NotNow(Refused):
    """The call is not joined, or over."""

    status = 422
