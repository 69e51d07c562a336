"""What an expression of RE2 is made of, as far as it can be said with certainty.

A small reader of RE2's syntax (https://github.com/google/re2/wiki/Syntax) for expressions that RE2 has accepted.
Whatever it does not know for certain (Unicode classes, word boundaries, multi-line mode …) ends in `CannotTell`: those
who ask draw no conclusion then. Python's own `re` reads some of the same text otherwise, so it is of no use here.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

LAST_CHARACTER: Final = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Characters, as sorted and disjoint ranges of code points, both ends included."""


class CannotTell(Exception):
    """An expression, or a question about it, is beyond what can be said with certainty at a fair price."""


class Edge(Enum):
    """An end of the text."""

    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of these."""

    ranges: Ranges


@dataclass(frozen=True, slots=True)
class At:
    """No character, at an end of the text."""

    edge: Edge


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after another; of none: nothing."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these."""

    branches: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Some times over; `most` is ``None``: any number."""

    part: "Node"
    least: int
    most: int | None


Node: TypeAlias = Chars | At | Sequence | Choice | Repeat

_DIGITS: Final[Ranges] = ((0x30, 0x39),)
_WORD: Final[Ranges] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Final[Ranges] = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))  # RE2's has no vertical tab
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_POSIX: Final[dict[str, Ranges]] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "digit": _DIGITS,
    "lower": ((0x61, 0x7A),),
    "upper": ((0x41, 0x5A),),
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
_CONTROLS: Final = {"a": 0x07, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
# Simple folding (Unicode's CaseFolding.txt) makes these two ASCII letters equal to one character beyond ASCII each.
_FOLDED_BEYOND_ASCII: Final = {0x6B: 0x212A, 0x73: 0x017F}
_REPEAT_MAX: Final = 1_000  # RE2's own
# What people write, and no more than the stack holds.
_DEPTH_MAX: Final = 50


def union(*sets: Ranges) -> Ranges:
    """All characters of these."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(pair for ranges in sets for pair in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """All other characters."""
    others, following = [], 0
    for first, last in union(ranges):
        if first > following:
            others.append((following, first - 1))
        following = last + 1
    if following <= LAST_CHARACTER:
        others.append((following, LAST_CHARACTER))
    return tuple(others)


_NO_NEWLINE: Final = complement(((0x0A, 0x0A),))
_ANY: Final = complement(())


def read_pattern(text: str) -> Node:
    """What an expression is made of.

    Args:
        text: one that RE2 accepts.

    Raises:
        CannotTell: it has something that is not read here.
    """
    reader = _Reader(text)
    node = reader.choice(0)
    if reader.at < len(text):
        raise CannotTell(f"unexpected {text[reader.at]!r}")
    return node


@dataclass(slots=True)
class _Flags:
    ignore_case: bool = False
    dot_newline: bool = False
    multi_line: bool = False


class _Reader:
    """A cursor over an expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.flags = _Flags()

    def choice(self, depth: int) -> Node:
        if depth > _DEPTH_MAX:
            raise CannotTell("groups within groups")
        branches = [self._sequence(depth)]
        while self._take("|"):
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            node = self._atom(depth)
            if node is not None:
                parts.append(self._repeated(node))
            elif self._bounds() is not None:
                raise CannotTell("a repetition of flags")
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return node
        self._take("?")  # as few or as many as possible: the same texts are found
        if self._bounds() is not None:
            raise CannotTell("a repetition of a repetition")
        return Repeat(node, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        """What a repetition says; ``None`` when there is none here."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        closing = self.text.find("}", self.at)
        if not self._is("{") or closing < 0:
            return None
        first, comma, second = self.text[self.at + 1 : closing].partition(",")
        if not _is_number(first) or (second and not _is_number(second)):
            return None  # RE2 takes `{,5}` and `{x}` as they stand
        least = int(first)
        most = least if not comma else int(second) if second else None
        if least > _REPEAT_MAX or (most is not None and most > _REPEAT_MAX):
            raise CannotTell("too many repetitions")
        self.at = closing + 1
        return least, most

    def _atom(self, depth: int) -> Node | None:
        """One thing that can be repeated; ``None`` for flags, which are none."""
        if self._take("("):
            return self._group(depth)
        if self._take("["):
            return Chars(self._class())
        if self._take("."):
            return Chars(_ANY if self.flags.dot_newline else _NO_NEWLINE)
        for sign, edge in (("^", Edge.BEGIN), ("$", Edge.END)):
            if self._take(sign):
                if self.flags.multi_line:
                    raise CannotTell("multi-line mode")
                return At(edge)
        if self._take("\\"):
            return self._escaped()
        if self.text[self.at] in "*+?":
            raise CannotTell("a repetition of nothing")
        return Chars(self._literal(self._next()))

    def _group(self, depth: int) -> Node | None:
        outer = self.flags
        self.flags = _Flags(outer.ignore_case, outer.dot_newline, outer.multi_line)
        if self._take("?"):
            if self._is("P<") or self._is("<"):
                closing = self.text.find(">", self.at)
                if closing < 0:
                    raise CannotTell("a name without an end")
                self.at = closing + 1
            elif self._set_flags():
                return None  # until the end of the group that this stands in
        node = self.choice(depth + 1)
        if not self._take(")"):
            raise CannotTell("a group without an end")
        self.flags = outer
        return node

    def _set_flags(self) -> bool:
        """Flags of a group; whether they are all there is of it."""
        value = True
        while True:
            letter = self._next()
            if letter == "-":
                value = False
            elif letter == "i":
                self.flags.ignore_case = value
            elif letter == "s":
                self.flags.dot_newline = value
            elif letter == "m":
                self.flags.multi_line = value
            elif letter in ":)":
                return letter == ")"
            elif letter != "U":  # which changes only how many are taken first
                raise CannotTell(f"a flag {letter!r}")

    def _escaped(self) -> Node:
        letter = self._next()
        if letter == "A":
            return At(Edge.BEGIN)
        if letter == "z":
            return At(Edge.END)
        found = self._escaped_class(letter)
        return Chars(found if found is not None else self._literal_code(self._escaped_code(letter)))

    def _escaped_class(self, letter: str) -> Ranges | None:
        ranges = _CLASSES.get(letter.lower())
        if ranges is None:
            return None
        if self.flags.ignore_case and letter in "wWsSdD":
            raise CannotTell("a class without case")
        return ranges if letter.islower() else complement(ranges)

    def _escaped_code(self, letter: str) -> int:
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter == "x":
            if self._take("{"):
                closing = self.text.find("}", self.at)
                digits = self.text[self.at : closing]
                self.at = closing + 1
            else:
                digits = self.text[self.at : self.at + 2]
                self.at += 2
            try:
                return int(digits, 16)
            except ValueError:
                raise CannotTell("an escape") from None
        if letter.isascii() and not letter.isalnum() and letter != "_":
            return ord(letter)
        raise CannotTell(f"an escape \\{letter}")

    def _class(self) -> Ranges:
        negated = self._take("^")
        found: list[Ranges] = []
        first = True
        while first or not self._is("]"):
            first = False
            if self._is("[:"):
                found.append(self._posix())
            else:
                found.append(self._class_item())
        self._next()
        ranges = union(*found)
        return complement(ranges) if negated else ranges

    def _class_item(self) -> Ranges:
        letter = self._next()
        if letter == "\\":
            letter = self._next()
            ranges = self._escaped_class(letter)
            if ranges is not None:
                return ranges
            low = self._escaped_code(letter)
        else:
            low = ord(letter)
        high = low
        if self._is("-") and not self._is("-]"):
            self._next()
            letter = self._next()
            high = self._escaped_code(self._next()) if letter == "\\" else ord(letter)
        return self._folded(((low, high),))

    def _posix(self) -> Ranges:
        closing = self.text.find(":]", self.at)
        name = self.text[self.at + 2 : closing]
        if closing < 0 or name not in _POSIX or self.flags.ignore_case:
            raise CannotTell("a class of characters")
        self.at = closing + 2
        return _POSIX[name]

    def _literal(self, letter: str) -> Ranges:
        return self._literal_code(ord(letter))

    def _literal_code(self, code: int) -> Ranges:
        return self._folded(((code, code),))

    def _folded(self, ranges: Ranges) -> Ranges:
        """Both cases, when case is to be ignored."""
        if not self.flags.ignore_case:
            return ranges
        ((low, high),) = ranges
        if high > 0x7F:
            raise CannotTell("case beyond ASCII")
        found = [ranges]
        for code in range(low, high + 1):
            letter = chr(code)
            if letter.isalpha():
                found += [((ord(other), ord(other)),) for other in (letter.lower(), letter.upper())]
                beyond = _FOLDED_BEYOND_ASCII.get(ord(letter.lower()))
                if beyond is not None:
                    found.append(((beyond, beyond),))
        return union(*found)

    def _is(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def _take(self, text: str) -> bool:
        if self._is(text):
            self.at += len(text)
            return True
        return False

    def _next(self) -> str:
        if self.at >= len(self.text):
            raise CannotTell("an expression without an end")
        self.at += 1
        return self.text[self.at - 1]


def _is_number(text: str) -> bool:
    """Whether RE2 takes it for a number of repetitions: it wants no zero in front."""
    return text.isascii() and text.isdigit() and len(text) <= 4 and (text == "0" or text[0] != "0")
