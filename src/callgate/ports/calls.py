"""What the API may do to calls."""

from typing import Protocol

from callgate.entities.agent import Agent
from callgate.entities.call import Call
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality


class NoRoom(Exception):
    """A call cannot be taken now.

    Attributes:
        status: of HTTP: 429 when it is a limit of the account, 503 when it is the node's.
        retry_after_s: when to ask again.
    """

    def __init__(self, words: str, status: int, retry_after_s: int) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after_s = retry_after_s


class RequestedCalls(Protocol):
    """Calls that begin through the API, and wait for a client to join them, or for whom we call to answer."""

    def cannot_call(self, to: str) -> str | None:
        """Why no call can be placed to a SIP URI, in words; ``None`` when one can."""
        ...

    async def request(self, account_id: str, agent: Agent | None, body: JsonObject) -> Call:
        """Make a call; it is committed when this returns.

        Args:
            account_id: whose.
            agent: who answers; ``None``: `body` says all of it.
            body: validated, of the creation endpoint, with the medium that was settled.

        Raises:
            TemplateUnfit: the agent's template does not fit what was given.
            NoRoom: a limit is reached.
        """
        ...


class LiveCalls(Protocol):
    """The calls in progress on this node, as the API may act on them."""

    def of_account(self, account_id: str) -> int:
        """How many an account has."""
        ...

    def is_live(self, call_id: str) -> bool:
        """Whether the call is in progress here."""
        ...

    def quality(self, call_id: str) -> SoundQuality | None:
        """How the sound of a call in progress here fares, a few seconds old at most; ``None`` when it is not here."""
        ...

    def hang_up(self, call_id: str, message: str | None = None) -> bool:
        """End a joined call, after the agent has said `message`; ``False`` when it is not joined, or not here."""
        ...

    def tell(self, call_id: str, message: JsonObject) -> bool:
        """Give the agent of a joined call a data message; ``False`` when it is not joined, or not here."""
        ...

    def press(self, call_id: str, digits: str) -> bool:
        """Press keys towards the caller of a joined call; likewise."""
        ...
