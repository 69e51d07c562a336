"""A limit of a parser, as the tables of limits and the docs show it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """The most of something that is taken.

    Attributes:
        what: of what, in words.
        most: the greatest size that is taken.
        unit: of `most`; empty for a plain number.
        beyond: what becomes of more.
        why: the reason for the number, and what others do.
    """

    what: str
    most: int
    unit: str
    beyond: str
    why: str
