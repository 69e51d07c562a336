"""What is known of a setting beside its value."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is known of one setting.

    Attributes:
        name: dotted; the part before the dot is the table of the TOML file.
        help: for an operator, one or two sentences, with the reason of the default.
        unit: of a number; empty otherwise.
        lowest: smallest value allowed; ``None``: no limit.
        highest: largest value allowed; ``None``: no limit.
        choices: the values allowed; empty: any.
        flag: whether it is offered as a flag of ``callgate serve``.
        secret: whether it is hidden when settings are shown.
    """

    name: str
    help: str
    unit: str = ""
    lowest: float | None = None
    highest: float | None = None
    choices: tuple[str, ...] = ()
    flag: bool = False
    secret: bool = False

    @property
    def attribute(self) -> str:
        """Its name in the code."""
        return self.name.replace(".", "_")

    @property
    def environment(self) -> str:
        """Its environment variable."""
        return "CALLGATE_" + self.attribute.upper()

    @property
    def option(self) -> str:
        """Its flag."""
        return "--" + self.attribute.replace("_", "-")


def setting(name: str, default: Any, help: str, **more: Any) -> Any:
    """A field of `Settings`, with its declaration."""
    return field(default=default, metadata={"declaration": Declaration(name, help, **more)})
