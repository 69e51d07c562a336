"""What is odd about rules that are valid: findings with an example each, never a refusal.

Nothing is claimed that is not certain. That a rule is never reached is proved over all dialled users
(`pattern_automaton`); every example has been tried with RE2. Where an expression is beyond proof, a finding says so.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from callgate.core.admission.cidr import parse_cidr
from callgate.core.admission.pattern_automaton import Automaton, automaton_of, letters_of, shortest
from callgate.core.admission.pattern_syntax import CannotTell, Node, read_pattern
from callgate.core.admission.patterns import compile_pattern
from callgate.entities.sip_config import SipConfig

FINDINGS_MAX: Final = 200
"""Findings that are told; more of them help nobody, and a list of ranges may have hundreds."""

# About a second of work; twenty rules that people wrote need a tenth of it.
_PAUSES_MAX: Final = 1_500
_RANGES_AT_A_TIME: Final = 200

_NUMBER: Final = "^[0-9]{3,15}$"  # E.164 has 15 digits at most
_NUMBER_WITH_PLUS: Final = r"^\+[0-9]{3,15}$"
_OPEN_ENDS: Final = (".*", ".+")  # whoever writes so means it


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"  # hardly meant
    NOTE = "note"  # worth knowing


class Slug(StrEnum):
    """What is found."""

    PATTERN_UNANCHORED = "pattern-unanchored"
    PATTERN_UNREACHABLE = "pattern-unreachable"
    PATTERN_OVERLAP = "pattern-overlap"
    PATTERN_NOT_TOLD = "pattern-not-told"
    PLUS_MISSING = "plus-missing"
    PLUS_REQUIRED = "plus-required"
    AGENT_UNREACHABLE = "agent-unreachable"
    RANGE_EVERYONE = "range-everyone"
    RANGE_CONTAINED = "range-contained"


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity.

    Attributes:
        slug: what is found.
        severity: how much it matters.
        where: path of the field, as `allowedAgents[2].toUserPattern`.
        words: for whoever wrote the rules.
        example: a dialled user, range or agent that shows it; ``None`` when there is none to show.
    """

    slug: Slug
    severity: Severity
    where: str
    words: str
    example: str | None = None


Findings: TypeAlias = Iterator[Finding | None]
"""Findings as they are made; ``None`` is a pause after some 2 ms of work, so that a caller may do other things."""


def lint(config: SipConfig, agents: Mapping[str, str]) -> Findings:
    """Everything odd about some rules.

    Args:
        config: validated rules.
        agents: names of the account's living agents, by id.
    """
    yield from _ranges(config.allowed_cidr_ranges)
    rules, pauses = _Rules(config, agents), 0
    for finding in rules.findings():
        yield finding
        pauses += finding is None
        if pauses > _PAUSES_MAX:
            words = "what else is odd about these rules cannot be told: together they are too intricate"
            yield Finding(Slug.PATTERN_NOT_TOLD, Severity.NOTE, "allowedAgents", words)
            return
    yield from _agents(config, agents, rules.unreachable)


def _ranges(ranges: Sequence[str]) -> Findings:
    places = {text: index for index, text in enumerate(ranges)}
    networks = sorted(
        (int(network.network_address), network.prefixlen, str(network)) for network in map(parse_cidr, ranges)
    )
    outermost: tuple[int, int, str] | None = None
    for first, prefix, text in networks:
        where = f"allowedCidrRanges[{places[text]}]"
        if prefix == 0:
            words = "admits every address of the internet: whoever finds the port is asked by the rules whom to call"
            yield Finding(Slug.RANGE_EVERYONE, Severity.WARNING, where, words, text)
        if outermost is not None and first >> (32 - outermost[1]) == outermost[0] >> (32 - outermost[1]):
            words = f"`{text}` lies in `{outermost[2]}`, which admits it already"
            yield Finding(Slug.RANGE_CONTAINED, Severity.NOTE, where, words, outermost[2])
        else:
            outermost = (first, prefix, text)


def _agents(config: SipConfig, agents: Mapping[str, str], unreachable: set[int]) -> Findings:
    if config.allow_all_agents or config.fallback_handler is not None:
        return  # a handler may give a call to any agent
    reached = {one.agent_id for index, one in enumerate(config.allowed_agents) if index not in unreachable}
    for agent_id, name in agents.items():
        if agent_id not in reached:
            words = f"no call can reach agent `{name}`: no rule names it that is ever reached"
            yield Finding(Slug.AGENT_UNREACHABLE, Severity.NOTE, "allowedAgents", words, agent_id)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule whose agent lives.

    Attributes:
        index: in the owner's list.
        agent_id: who gets the call.
        pattern: the expression.
        automaton: ``None``: beyond what can be told.
    """

    index: int
    agent_id: str
    pattern: str
    automaton: Automaton | None

    @property
    def where(self) -> str:
        return f"allowedAgents[{self.index}].toUserPattern"

    @property
    def name(self) -> str:
        return f"rule {self.index + 1}"

    def finds(self, user: str) -> bool:
        return compile_pattern(self.pattern).search(user) is not None


class _Rules:
    """The rules about dialled users.

    Attributes:
        unreachable: indices of rules that no call can reach; known once `findings` has ended.
    """

    def __init__(self, config: SipConfig, agents: Mapping[str, str]) -> None:
        self._allowances = [(index, one) for index, one in enumerate(config.allowed_agents) if one.agent_id in agents]
        self.unreachable: set[int] = set()
        self._rules: list[_Rule] = []
        self._letters: list[str] = []
        self._phones: dict[str, Automaton] = {}

    def findings(self) -> Findings:
        yield from self._make()
        for position, rule in enumerate(self._rules):
            yield from self._anchors(rule)
            yield from self._reach(rule, self._rules[:position])
        for position, rule in enumerate(self._rules):
            if rule.index not in self.unreachable:
                yield from self._plus(rule)
                for later in self._rules[position + 1 :]:
                    if later.agent_id != rule.agent_id and later.index not in self.unreachable:
                        yield from self._overlap(rule, later)

    def _make(self) -> Findings:
        nodes: dict[str, Node] = {}
        for text in (*(one.to_user_pattern for _, one in self._allowances), _NUMBER, _NUMBER_WITH_PLUS):
            try:
                nodes[text] = read_pattern(text)
            except CannotTell:
                continue
        yield None
        self._letters = letters_of(list(nodes.values()))
        yield None
        made: dict[str, Automaton] = {}
        for text, node in nodes.items():
            try:
                automaton = yield from automaton_of(node, self._letters)
            except CannotTell:
                continue
            found = yield from shortest([automaton], [], self._letters)
            if found is None or compile_pattern(text).search(found) is not None:
                made[text] = automaton
        self._phones = {text: made[text] for text in (_NUMBER, _NUMBER_WITH_PLUS) if text in made}
        for index, one in self._allowances:
            rule = _Rule(index, one.agent_id, one.to_user_pattern, made.get(one.to_user_pattern))
            self._rules.append(rule)

    def _anchors(self, rule: _Rule) -> Findings:
        if rule.automaton is None:
            return
        if rule.automaton.open_start:
            found = yield from self._example([rule], [], first=next(filter(str.isalpha, self._letters), ""))
            words = f"{rule.name} has no `^`: it is found anywhere in a dialled user, not only at its beginning"
            yield Finding(Slug.PATTERN_UNANCHORED, Severity.WARNING, rule.where, words, found)
        elif rule.automaton.open_end and not rule.pattern.endswith(_OPEN_ENDS):
            found = yield from self._example([rule], [])
            longer = None if found is None else next((found + more for more in "0x" if rule.finds(found + more)), None)
            words = f"{rule.name} has no `$`: whatever follows is let in too (`.*` at its end says that this is meant)"
            yield Finding(Slug.PATTERN_UNANCHORED, Severity.NOTE, rule.where, words, longer)

    def _reach(self, rule: _Rule, before: Sequence[_Rule]) -> Findings:
        """Whether any dialled user comes to a rule that is tried after others."""
        same = next((other for other in before if other.pattern == rule.pattern), None)
        if same is not None:
            self.unreachable.add(rule.index)
            words = f"{rule.name} is never reached: {same.name} has the same pattern and is tried before it"
            yield Finding(Slug.PATTERN_UNREACHABLE, Severity.WARNING, rule.where, words)
            return
        known = [other.automaton for other in before if other.automaton is not None]
        catch_all = next((other for other in before if _takes_all(other.automaton)), None)
        if catch_all is None:
            try:
                found = yield from self._first(rule, known)
            except CannotTell:
                found = ""
            if found is not None:
                if not found or not rule.finds(found) or any(other.finds(found) for other in before):
                    words = (
                        f"whether {rule.name} is ever reached cannot be told: it, or a rule before it, is too intricate"
                    )
                    yield Finding(Slug.PATTERN_NOT_TOLD, Severity.NOTE, rule.where, words)
                return
        self.unreachable.add(rule.index)
        words = f"{rule.name} is never reached: {_why(rule, catch_all, before)}"
        yield Finding(Slug.PATTERN_UNREACHABLE, Severity.WARNING, rule.where, words)

    def _first(self, rule: _Rule, before: Sequence[Automaton]) -> Generator[None, None, str | None]:
        """A dialled user that comes to `rule`; ``None``: there is none."""
        if rule.automaton is None:
            raise CannotTell("its pattern")
        return (yield from shortest([rule.automaton], before, self._letters))

    def _overlap(self, first: _Rule, second: _Rule) -> Findings:
        found = yield from self._example([first, second], [])
        if found is not None:
            words = (
                f"{first.name} and {second.name}, of different agents, share dialled users; {first.name} is tried first"
            )
            yield Finding(Slug.PATTERN_OVERLAP, Severity.NOTE, second.where, words, found)

    def _plus(self, rule: _Rule) -> Findings:
        """Whether a number is let in with its + only, or without only."""
        for slug, form, other in (
            (Slug.PLUS_REQUIRED, _NUMBER_WITH_PLUS, lambda user: user[1:]),
            (Slug.PLUS_MISSING, _NUMBER, lambda user: f"+{user}"),
        ):
            found = yield from self._example([rule], [form])
            if found is None or any(one.finds(other(found)) for one in self._rules):
                continue
            how = "with a leading + only" if slug is Slug.PLUS_REQUIRED else "without a leading + only"
            words = f"{rule.name} takes numbers {how}: `{found}` is let in, `{other(found)}` is not; trunks differ"
            yield Finding(slug, Severity.NOTE, rule.where, words, found)

    def _example(
        self, rules: Sequence[_Rule], forms: Sequence[str], first: str = ""
    ) -> Generator[None, None, str | None]:
        """A dialled user that all of these rules find, of some form; ``None`` when none is known."""
        wanted: list[Any] = [*(rule.automaton for rule in rules), *(self._phones.get(form) for form in forms)]
        if None in wanted:
            return None
        try:
            found = yield from shortest(wanted, [], self._letters, first)
        except CannotTell:
            return None
        return found if found is not None and all(rule.finds(found) for rule in rules) else None


def _takes_all(automaton: Automaton | None) -> bool:
    """Whether every dialled user is found; none is empty, so what comes after one character is looked at."""
    return automaton is not None and all(automaton.full[state] for state in automaton.table[0])


def _why(rule: _Rule, catch_all: _Rule | None, before: Sequence[_Rule]) -> str:
    if catch_all is not None:
        return f"{catch_all.name} before it lets every dialled user through"
    if not before or (rule.automaton is not None and not any(rule.automaton.live[1:])):
        return "its pattern is found in no dialled user at all"
    return f"whatever it would find is found before, by {', '.join(other.name for other in before)}"


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many there are of each kind, by slug, in the order of the catalogue."""
    found = {slug.value: sum(finding.slug is slug for finding in findings) for slug in Slug}
    return {slug: count for slug, count in found.items() if count}
