"""What can go wrong with the store.

::

    Exception
    ├── StoreUnavailable    the database cannot be opened, read or written; words for an operator
    ├── NameTaken           another thing of the account is called so
    ├── CallElsewhere       a call is in progress at another node
    ├── LastKey             no other key of the account may change anything
    ├── TooMany             the account has as many of its kind as it may
    └── VersionConflict     a configuration was changed in between
"""

from callgate.entities.sip_config import SipConfigVersion


class StoreUnavailable(Exception):
    """The database cannot be used; nothing of the attempted change was kept."""


class NameTaken(Exception):
    """Another thing of the account has the name; nothing was changed."""


class CallElsewhere(Exception):
    """The call is in progress at another node; nothing was changed."""


class LastKey(Exception):
    """Without this key nobody could change anything of the account, nor make another one; nothing was changed."""


class TooMany(Exception):
    """The account has as many things of the kind as it may; the message is how many. Nothing was changed."""


class VersionConflict(Exception):
    """A configuration is no longer what the change was made for.

    Attributes:
        current: what it is now.
    """

    def __init__(self, current: SipConfigVersion) -> None:
        super().__init__(f"the configuration is at version {current.number}")
        self.current = current
