"""The calls in progress on this node: counted for admission, found for the API, waited for while draining."""

import asyncio
from collections import Counter

from callgate.calls.runner import CallRunner
from callgate.entities.json import JsonObject
from callgate.entities.quality import SoundQuality


class Registry:
    """Every attempt that holds a slot, from its 100 Trying on. Implements `ports.LiveCalls`."""

    def __init__(self) -> None:
        self._runners: set[CallRunner] = set()
        self._by_account: Counter[str] = Counter()
        self._by_agent: Counter[str] = Counter()
        self._agents: dict[CallRunner, str] = {}
        self._by_dialog: dict[tuple[str, str, str], CallRunner] = {}
        self._dialogs: dict[CallRunner, tuple[str, str, str]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._runners)

    def of_account(self, account_id: str) -> int:
        """How many calls an account has."""
        return self._by_account[account_id]

    def of_agent(self, agent_id: str) -> int:
        """How many calls an agent has."""
        return self._by_agent[agent_id]

    def enter(self, runner: CallRunner, dialog: tuple[str, str, str] | None = None) -> None:
        """A call begins, in a dialog or without one."""
        if dialog is not None:
            self.moved(runner, dialog)
        self._runners.add(runner)
        if runner.account_id is not None:
            self._by_account[runner.account_id] += 1
        if runner.agent_id is not None:
            self.answered_by(runner, runner.agent_id)
        self._empty.clear()

    def answered_by(self, runner: CallRunner, agent_id: str) -> None:
        """Whose call it is among the agents is known: at its beginning, or when the fallback handler has said it."""
        self._agents[runner] = agent_id
        self._by_agent[agent_id] += 1

    def leave(self, runner: CallRunner) -> None:
        """Nothing of the call is left to do."""
        if runner not in self._runners:
            return
        self._runners.remove(runner)
        dialog = self._dialogs.pop(runner, None)
        if dialog is not None:
            del self._by_dialog[dialog]
        if runner.account_id is not None:
            self._by_account[runner.account_id] -= 1
            if not self._by_account[runner.account_id]:
                del self._by_account[runner.account_id]
        agent_id = self._agents.pop(runner, None)
        if agent_id is not None:
            self._by_agent[agent_id] -= 1
            if not self._by_agent[agent_id]:
                del self._by_agent[agent_id]
        if not self._runners:
            self._empty.set()

    def moved(self, runner: CallRunner, dialog: tuple[str, str, str]) -> None:
        """A call goes on in this dialog."""
        before = self._dialogs.get(runner)
        if before is not None:
            del self._by_dialog[before]
        self._dialogs[runner] = dialog
        self._by_dialog[dialog] = runner

    def in_dialog(self, dialog: tuple[str, str, str]) -> CallRunner | None:
        """Whose dialog has this Call-ID, tag of ours and tag of the peer."""
        return self._by_dialog.get(dialog)

    def is_live(self, call_id: str) -> bool:
        """Whether the call is in progress here."""
        return self.find(call_id) is not None

    def quality(self, call_id: str) -> SoundQuality | None:
        """How the sound of a call in progress here fares; ``None`` when it is not here."""
        runner = self.find(call_id)
        return None if runner is None else runner.quality

    def hang_up(self, call_id: str, message: str | None = None) -> bool:
        """End a joined call, after the agent has said `message`; ``False`` when it is not joined, or not here."""
        runner = self.find(call_id)
        if runner is None or not runner.is_joined:
            return False
        runner.hang_up(message)
        return True

    def tell(self, call_id: str, message: JsonObject) -> bool:
        """Give the agent of a joined call a data message; ``False`` when it is not joined, or not here."""
        runner = self.find(call_id)
        if runner is None or not runner.is_joined:
            return False
        runner.tell(message)
        return True

    def press(self, call_id: str, digits: str) -> bool:
        """Press keys towards the caller of a joined call; likewise."""
        runner = self.find(call_id)
        if runner is None or not runner.is_joined:
            return False
        runner.press(digits)
        return True

    async def drain(self, timeout_s: float) -> None:
        """Wait for the calls in progress to end by themselves; hang up what is left after `timeout_s`."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:
            for runner in tuple(self._runners):
                runner.drain()

    async def ended(self, timeout_s: float) -> bool:
        """Whether every call was over within `timeout_s`."""
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except TimeoutError:  # also when there was no time to look
            return not self._runners
        return True

    def find(self, call_id: str) -> CallRunner | None:
        """Who runs a call; ``None`` when it is not in progress here."""
        # A linear search: the API asks this a few times a minute, and a second index would have to be kept right.
        for runner in self._runners:
            if runner.call is not None and runner.call.call_id == call_id:
                return runner
        return None
