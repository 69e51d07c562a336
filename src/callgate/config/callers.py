"""Callers that may prove themselves by a password: ``[callers.NAME]`` in the TOML file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from callgate.config.secret import read_secret, references

# Scanners try the short ones first, some hundred a minute before they are silenced.
_PASSWORD_CHARS_MIN: Final = 12
# Phones write it into a header as it is; a colon would end it where it is hashed.
_USERNAME: Final = re.compile(r"[A-Za-z0-9._@+\-]{1,64}")
_REFERENCES: Final = references("password")
_KNOWN: Final = ("username", "account", *_REFERENCES)


class CallerError(ValueError):
    """A table that cannot be used; says which, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCaller:
    """One table.

    Attributes:
        username: what the phone or PBX calls itself; the table's name unless it says otherwise.
        account: slug of the account whose agents it reaches; empty: the only one there is.
        password: as it was found; never shown.
    """

    username: str
    account: str = ""
    password: str = field(repr=False)


def read_callers(tables: Any, environment: Mapping[str, str], where: str) -> tuple[ListedCaller, ...]:
    """The callers of a file.

    Args:
        tables: the value of ``callers``.
        environment: in which passwords are looked up.
        where: the file, for errors.

    Raises:
        CallerError: a table or a value is wrong, or a password is not where it was said to be.
    """
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise CallerError(f"{where}: callers is {tables!r}; expected tables, [callers.NAME]")
    callers: dict[str, ListedCaller] = {}
    for name, table in tables.items():
        caller = _read(name, table, environment, f"{where}: [callers.{name}]")
        if caller.username in callers:
            raise CallerError(f"{where}: [callers.{name}]: another caller has the username {caller.username}")
        callers[caller.username] = caller
    return tuple(callers.values())


def _read(name: str, table: dict[str, Any], environment: Mapping[str, str], where: str) -> ListedCaller:
    for key, value in table.items():
        if key == "password":
            raise CallerError(f"{where}: a password has no place in the file; expected {' or '.join(_REFERENCES)}")
        if key not in _KNOWN:
            raise CallerError(f"{where}: nothing is called {key}; expected one of {', '.join(_KNOWN)}")
        if not isinstance(value, str):
            raise CallerError(f"{where}: {key} is {value!r}; expected a text")
    username = table.get("username", name)
    if not _USERNAME.fullmatch(username):
        raise CallerError(f"{where}: username is {username!r}; expected 1 to 64 letters, digits and . _ - + @")
    try:
        password = read_secret(table, "password", "password of the caller", environment)
    except ValueError as error:
        raise CallerError(f"{where}: {error}") from None
    if len(password) < _PASSWORD_CHARS_MIN:
        raise CallerError(f"{where}: the password is too short or missing; expected {_PASSWORD_CHARS_MIN} characters")
    return ListedCaller(username=username, account=table.get("account", ""), password=password)
