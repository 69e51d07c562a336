"""Secrets that a table of the TOML file refers to: in the environment or in a file of their own, never in the table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def references(name: str) -> tuple[str, str]:
    """The two names under which a table may say where its secret is."""
    return f"{name}_env", f"{name}_file"


def read_secret(table: Mapping[str, Any], name: str, what: str, environment: Mapping[str, str]) -> str:
    """The secret itself; empty when the table refers to none.

    Args:
        table: with texts under the `references` of `name`, or without them.
        name: of the secret, e.g. ``api_key``.
        what: it is, for errors.
        environment: in which it is looked up.

    Raises:
        ValueError: it is not where it was said to be; says where that was.
    """
    in_environment, in_file = references(name)
    variable, file = table.get(in_environment), table.get(in_file)
    if variable and file:
        raise ValueError(f"{in_environment} and {in_file}; expected one of them")
    if variable:
        if not environment.get(variable):
            raise ValueError(f"the environment has no {variable}; expected the {what} in it")
        return environment[variable]
    if file:
        try:
            return Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read the {what.partition(' ')[0]} in {file}: {error}") from None
    return ""
