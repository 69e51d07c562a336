"""Why an operation was not done, beside `schema.errors.Invalid`; the message is for whoever asked.

::

    Exception
    └── Refused             by its HTTP status
        ├── NotFound        404
        ├── Conflict        409
        ├── Outdated        412
        └── NotNow          422
"""


class Refused(Exception):
    """The operation was not done.

    Attributes:
        status: of the HTTP answer.
    """

    status = 400


class NotFound(Refused):
    """No such thing in this account."""

    status = 404


class Conflict(Refused):
    """The thing is in a state that forbids it."""

    status = 409


class Outdated(Refused):
    """The change was made for a version that is no longer in force."""

    status = 412


class NotNow(Refused):
    """The call is not joined, or over."""

    status = 422
