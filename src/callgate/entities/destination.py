"""Where rules send a call."""

from typing import Final, NamedTuple

AGENT: Final = "agent"
HANDLER: Final = "handler"  # the owner's fallback handler is asked; what it says is not the rules'
REFUSED: Final = "refused"
IGNORED: Final = "ignored"  # noise, not answered
SOURCE_ADMITTED: Final = "source_admitted"  # past the source; whom each dialled was not kept


class Destination(NamedTuple):
    """Where rules send a call.

    Attributes:
        kind: ``agent``, ``handler``, ``refused``, ``ignored`` or ``source_admitted``.
        name: the agent's id, or the outcome's slug; empty otherwise.
    """

    kind: str
    name: str = ""

    @property
    def lets_in(self) -> bool:
        """Whether the caller is let in, as far as rules can say."""
        return self.kind in (AGENT, HANDLER, SOURCE_ADMITTED)
