"""Expressions as automata over dialled users, so that questions about all users at once have exact answers.

An expression is searched in the text, so its automaton accepts every text in which it is found. Texts are not empty and
hold no NUL, as dialled users do. Instead of characters there are letters: sets of characters that none of the
expressions tells apart.
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from callgate.core.admission.pattern_syntax import (
    LAST_CHARACTER,
    At,
    CannotTell,
    Chars,
    Choice,
    Edge,
    Node,
    Ranges,
    Repeat,
)

# An expression of 200 characters without counted repetition has fewer; more than this takes more than a moment.
_POSITIONS_MAX: Final = 1_500
_STATES_MAX: Final = 400
_SEARCHED_MAX: Final = 2_000
# Steps between two pauses: some 2 ms.
_STEPS_AT_A_TIME: Final = 400

# Which character stands for its letter in an example: digits first, then what is written in names.
_LIKED: Final = "5018234679abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+_-.*# "

Pausing: TypeAlias = Generator[None, None, "Automaton"]
_State: TypeAlias = tuple[int, ...]


class _Machine:
    """Positions and the steps between them (Thompson's construction)."""

    def __init__(self) -> None:
        self.free: list[list[tuple[int, Edge | None]]] = []
        self.chars: list[tuple[Ranges, int] | None] = []

    def position(self) -> int:
        if len(self.free) >= _POSITIONS_MAX:
            raise CannotTell("too long once its repetitions are written out")
        self.free.append([])
        self.chars.append(None)
        return len(self.free) - 1

    def add(self, node: Node, start: int) -> int:
        """Lay `node` from `start` on; where it ends."""
        if isinstance(node, Chars):
            end = self.position()
            here = start
            if self.chars[here] is not None:
                here = self.position()
                self.free[start].append((here, None))
            self.chars[here] = (node.ranges, end)
            return end
        if isinstance(node, At):
            end = self.position()
            self.free[start].append((end, node.edge))
            return end
        if isinstance(node, Choice):
            end = self.position()
            for branch in node.branches:
                begin = self.position()
                self.free[start].append((begin, None))
                self.free[self.add(branch, begin)].append((end, None))
            return end
        if isinstance(node, Repeat):
            return self._repeat(node, start)
        for part in node.parts:
            start = self.add(part, start)
        return start

    def _repeat(self, node: Repeat, start: int) -> int:
        for _ in range(node.least):
            start = self.add(node.part, start)
        end = self.position()
        if node.most is None:
            loop = self.position()
            self.free[start].append((loop, None))
            self.free[loop].append((end, None))
            self.free[self.add(node.part, loop)].append((loop, None))
            return end
        for _ in range(node.most - node.least):
            self.free[start].append((end, None))
            begin = self.position()
            self.free[start].append((begin, None))
            start = self.add(node.part, begin)
        self.free[start].append((end, None))
        return end

    def closure(self, positions: Sequence[int], edge: Edge | None) -> int:
        """All positions reached from these without a character, as bits; `edge` is the end of the text we are at."""
        seen = 0
        open_ = list(positions)
        while open_:
            position = open_.pop()
            if seen >> position & 1:
                continue
            seen |= 1 << position
            open_ += [target for target, needed in self.free[position] if needed is None or needed is edge]
        return seen


@dataclass(frozen=True, slots=True)
class Automaton:
    """A finite automaton over letters.

    Attributes:
        table: by state and letter the next state; state 0 is where a text begins.
        accepts: by state, whether a text may end there.
        live: by state, whether any text from there on is accepted.
        full: by state, whether every text from there on is.
        open_start: whether something other than an anchor may stand before what is found.
        open_end: likewise behind it.
    """

    table: tuple[tuple[int, ...], ...]
    accepts: tuple[bool, ...]
    live: tuple[bool, ...]
    full: tuple[bool, ...]
    open_start: bool
    open_end: bool


def letters_of(nodes: Sequence[Node]) -> list[str]:
    """One character for each set of characters that none of the expressions tells apart, the likeliest first."""
    sets = {ranges for node in nodes for ranges in _sets_of(node)}
    borders = sorted({0x01, 0xD800, 0xE000, *(edge for one in sets for low, high in one for edge in (low, high + 1))})
    found: dict[tuple[bool, ...], int] = {}
    for code in [*(ord(liked) for liked in _LIKED), *borders]:
        if 0 < code <= LAST_CHARACTER and not 0xD800 <= code < 0xE000:
            found.setdefault(tuple(_holds(one, code) for one in sets), code)
    return [chr(code) for code in found.values()]


def automaton_of(node: Node, letters: Sequence[str]) -> Pausing:
    """The automaton of an expression, made with pauses.

    Raises:
        CannotTell: it would be too large.
    """
    machine = _Machine()
    start = machine.position()
    found = 1 << machine.add(node, start)
    count = len(machine.free)
    yield
    within = [machine.closure([position], None) for position in range(count)]
    yield
    anew = within[start]
    ends = [machine.closure([position], Edge.END) & found != 0 for position in range(count)]
    moves: list[list[tuple[int, int]]] = []
    for letter in letters:
        code = ord(letter)
        steps = []
        for position, step in enumerate(machine.chars):
            if step is not None and _holds(step[0], code):
                steps.append((1 << position, within[step[1]]))
        moves.append(steps)
        yield
    first = machine.closure([start], Edge.BEGIN)
    first = found if first & found else first
    states, order, table = {first: 0}, [first], []
    steps_left = _STEPS_AT_A_TIME
    for state in order:  # grows as it is gone through
        row = []
        for steps in moves:
            if state & found:
                following = state  # once found, it stays found
            else:
                following = anew
                for bit, targets in steps:
                    if state & bit:
                        following |= targets
                if following & found:
                    following = found
            number = states.setdefault(following, len(states))
            if number == len(order):
                order.append(following)
            row.append(number)
        table.append(tuple(row))
        if len(order) > _STATES_MAX:
            raise CannotTell("too many cases")
        steps_left -= len(letters)
        if steps_left < 0:
            steps_left = _STEPS_AT_A_TIME
            yield
    yield
    accepts = [bool(state & found) or any(ends[bit] for bit in _bits(state)) for state in order]
    live = _reaching(table, accepts)
    yield
    full = tuple(not one for one in _reaching(table, [not one for one in accepts]))
    yield
    return Automaton(
        tuple(table),
        tuple(accepts),
        live,
        full,
        _passes(machine, start, found, Edge.BEGIN),
        _passes(machine, start, found, Edge.END),
    )


def shortest(
    wanted: Sequence[Automaton], unwanted: Sequence[Automaton], letters: Sequence[str], first: str = ""
) -> Generator[None, None, str | None]:
    """A shortest text that all of `wanted` accept and none of `unwanted`; ``None``: there is none, for certain.

    Args:
        wanted: at least one.
        unwanted: any.
        letters: of all of them.
        first: a letter that the text begins with; empty: any.

    Raises:
        CannotTell: it would take too long to know.
    """
    many = len(wanted)
    machines = [*wanted, *unwanted]
    # Each state with how it was reached first. A text is not empty, so the beginning is no state to end in.
    seen: dict[_State, tuple[_State | None, str]] = {}
    open_: deque[_State | None] = deque([None])
    steps_left = _STEPS_AT_A_TIME
    while open_:
        before = open_.popleft()
        state = before or (0,) * len(machines)
        for index, letter in enumerate(letters):
            if before is None and first and letter != first:
                continue
            following = tuple(one.table[state[n]][index] for n, one in enumerate(machines))
            if following in seen:
                continue
            if not all(one.live[following[n]] for n, one in enumerate(wanted)):
                continue
            if any(one.full[following[many + n]] for n, one in enumerate(unwanted)):
                continue
            seen[following] = (before, letter)
            if all(one.accepts[following[n]] for n, one in enumerate(wanted)) and not any(
                one.accepts[following[many + n]] for n, one in enumerate(unwanted)
            ):
                return _text(seen, following)
            open_.append(following)
        if len(seen) > _SEARCHED_MAX:
            raise CannotTell("too many cases")
        steps_left -= len(letters)
        if steps_left < 0:
            steps_left = _STEPS_AT_A_TIME
            yield
    return None


def _text(seen: dict[_State, tuple[_State | None, str]], state: _State | None) -> str:
    text: list[str] = []
    while state is not None:
        state, letter = seen[state]
        text.append(letter)
    return "".join(reversed(text))


def _sets_of(node: Node) -> list[Ranges]:
    if isinstance(node, Chars):
        return [node.ranges]
    if isinstance(node, At):
        return []
    if isinstance(node, Repeat):
        return _sets_of(node.part)
    parts = node.branches if isinstance(node, Choice) else node.parts
    return [ranges for part in parts for ranges in _sets_of(part)]


def _holds(ranges: Ranges, code: int) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _bits(state: int) -> list[int]:
    bits = []
    while state:
        lowest = state & -state
        bits.append(lowest.bit_length() - 1)
        state ^= lowest
    return bits


def _reaching(table: Sequence[Sequence[int]], goal: Sequence[bool]) -> tuple[bool, ...]:
    """By state, whether a state of `goal` can be reached from it, itself included."""
    before: list[set[int]] = [set() for _ in table]
    for state, row in enumerate(table):
        for following in set(row):
            before[following].add(state)
    reaching = list(goal)
    open_ = [state for state, is_goal in enumerate(goal) if is_goal]
    while open_:
        for state in before[open_.pop()]:
            if not reaching[state]:
                reaching[state] = True
                open_.append(state)
    return tuple(reaching)


def _passes(machine: _Machine, start: int, found: int, without: Edge) -> bool:
    """Whether the end can be reached from the start without standing at an end of the text."""
    seen: set[int] = set()
    open_ = [start]
    while open_:
        position = open_.pop()
        if position in seen:
            continue
        seen.add(position)
        step = machine.chars[position]
        open_ += [target for target, needed in machine.free[position] if needed is not without]
        if step is not None:
            open_.append(step[1])
    return any(1 << position & found for position in seen)
