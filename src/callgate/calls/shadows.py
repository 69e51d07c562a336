"""Beside the gate: what drafts that are watched would have done with the attempts it decides on."""

from collections.abc import Callable, Mapping
from typing import Final

from callgate.core.admission.policy import PolicySet
from callgate.core.admission.shadow import ShadowPolicy, counted, left_out, would_go
from callgate.core.sip.uri import uri_host
from callgate.entities.attempt import Attempt
from callgate.entities.decision import Decision, Verdict
from callgate.entities.shadow import Difference, ShadowTally
from callgate.ports import Clock

# What a stranger writes into a URI is listed for people to recognise, not to be kept whole.
_URI_CHARACTERS_MAX: Final = 256


class ShadowWatch:
    """Counts for each shadow what it would have done otherwise. Implements `ports.ShadowTallies`.

    One more decision for each attempt, some 10 µs, and only for an account that has a shadow.

    Args:
        drafts: the shadows' rules by account, asked anew for every attempt.
        clock: time.
    """

    def __init__(self, drafts: Callable[[], Mapping[str, ShadowPolicy]], clock: Clock) -> None:
        self._drafts = drafts
        self._clock = clock
        self._tallies: dict[str, ShadowTally] = {}
        self._kept: dict[str, ShadowTally] = {}

    def saw(self, attempt: Attempt, decision: Decision, decision_id: str, policies: PolicySet) -> None:
        """Compare.

        Args:
            attempt: an INVITE.
            decision: made of it by the rules in force.
            decision_id: names its record.
            policies: the rules in force.
        """
        drafts = self._drafts()
        if not drafts:
            return
        draft = drafts.get(_account_of(attempt, decision, policies))
        now = self._clock.now()
        if draft is None or now >= draft.until:
            return
        tally = self._tallies.get(draft.shadow_id) or ShadowTally()
        moved = would_go(attempt, decision, draft.policies)
        if moved is None:
            self._tallies[draft.shadow_id] = left_out(tally)
            return
        went, to = moved
        difference = None
        if went != to:
            difference = Difference(
                # Records of strangers are folded: that of another attempt stands for this one.
                "" if decision.stateless else decision_id,
                now,
                policies.source_of(attempt) or attempt.source_address,
                _shown(attempt.to_uri),
                _shown(attempt.request_uri),
                went,
                to,
            )
        self._tallies[draft.shadow_id] = counted(tally, difference)

    def tally(self, shadow_id: str) -> ShadowTally:
        """What this process has seen of a shadow."""
        return self._tallies.get(shadow_id) or ShadowTally()

    def to_keep(self) -> dict[str, ShadowTally]:
        """What has been seen of each living shadow since the last `kept`."""
        living = {draft.shadow_id for draft in self._drafts().values()}
        self._tallies = {name: tally for name, tally in self._tallies.items() if name in living}
        return {name: tally for name, tally in self._tallies.items() if self._kept.get(name) is not tally}

    def kept(self, tallies: Mapping[str, ShadowTally]) -> None:
        """They have been written down."""
        self._kept = {name: tally for name, tally in {**self._kept, **tallies}.items() if name in self._tallies}


def _account_of(attempt: Attempt, decision: Decision, policies: PolicySet) -> str:
    """Whose draft is asked: a source that is ignored may have an account that would hear it."""
    if decision.account_id is None and decision.verdict is Verdict.IGNORE:
        policy = policies.account_for(uri_host(attempt.request_uri), uri_host(attempt.to_uri))
        return "" if policy is None else policy.account_id
    return decision.account_id or ""


def _shown(uri: str) -> str:
    return uri[:_URI_CHARACTERS_MAX].encode("utf-8", "backslashreplace").decode()
