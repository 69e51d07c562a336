"""The first start in an empty folder: the account, its key in a file that only its owner reads, the demo agent."""

import errno
import fcntl
import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, TextIO

from callgate.entities.account import Account
from callgate.entities.sip_config import AgentAllowance
from callgate.ports import Ids
from callgate.store.accounts import is_key
from callgate.store.errors import NameTaken
from callgate.store.open import Store

KEY_FILE: Final = "api-key"
NODE_FILE: Final = "node-id"
DEMO_NAME: Final = "demo"
_DEMO_TEMPLATE: Final = {
    "systemPrompt": "The built-in demo agent: it greets, repeats what it hears and knows three keys."
}


class CannotStart(Exception):
    """The node cannot start; one line for an operator, lower case."""


def make_folder(path: Path) -> None:
    """Make the data folder, readable by its owner only.

    Raises:
        CannotStart: it cannot be made or written.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise CannotStart(f"cannot write into the data folder {path}: {words}; expected a folder of ours") from error


def node_name(folder: Path, ids: Ids) -> tuple[str, TextIO]:
    """What a node is called over its restarts, kept in a file of its folder.

    Args:
        folder: of the node alone.
        ids: names.

    Returns:
        The name, and the file, locked until it is closed or the process ends.

    Raises:
        CannotStart: another node has it locked, or it cannot be written.
    """
    path = folder / NODE_FILE
    file = None
    try:
        file = open(path, "a+")  # noqa: SIM115 (whoever asked closes it)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.seek(0)
        name = file.read().strip()
        if not name:
            name = ids.uuid()
            file.write(name + "\n")
            file.flush()
    except OSError as error:
        if file is not None:
            file.close()
        if error.errno in (errno.EACCES, errno.EAGAIN) and file is not None:
            raise CannotStart(f"another node uses the data folder {folder}; expected a folder for each") from error
        raise CannotStart(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    return name, file


async def first_account(store: Store, folder: Path, fixed_key: str, now: datetime) -> tuple[Account, str]:
    """The account of a node that has one, made when there is none, and where its key is to be had.

    Args:
        store: opened.
        folder: where the key is kept.
        fixed_key: the setting ``api.key``; empty: one is made.
        now: UTC.

    Returns:
        The account and its key, or words that say where it is.

    Raises:
        CannotStart: the fixed key has not the shape of one or is good no more, or the file cannot be written.
    """
    if fixed_key and not is_key(fixed_key):
        raise CannotStart(
            "api.key (CALLGATE_API_KEY) is not a key; expected 8 letters or digits, a dot and 32 letters or digits"
        )
    path = folder / KEY_FILE
    accounts = store.snapshot.accounts
    if not accounts:
        try:
            account, key = await store.create_account("default", "Default", fixed_key or None)
        except NameTaken:  # another node on the database was quicker
            return await first_account(store, folder, fixed_key, now)
        if not fixed_key:
            _write_key(path, key)
        return account, key
    account = accounts[0]
    if fixed_key:
        known = store.account_of_key(fixed_key)
        if known is None:
            await store.add_key(account.account_id, fixed_key, "fixed by setting")
        elif (spent := known[1].spent(now)) is not None:
            raise CannotStart(f"api.key (CALLGATE_API_KEY) {spent}; expected a key that is good, or none")
        return account, fixed_key
    try:
        key = path.read_text().strip()
    except OSError:
        return account, f"(not in {path}; made at the first start)"
    known = store.account_of_key(key)
    if known is None or known[1].spent(now) is not None:
        return account, f"(the one in {path} is good no more)"
    return account, key


async def demo_agent(store: Store, account: Account) -> None:
    """Give an account that has nothing yet the demo agent, reachable by name and id from this machine."""
    config = store.snapshot.sip_config(account.account_id)
    if config.number > 1 or store.snapshot.agents_of(account.account_id):
        return
    agent = await store.create_agent(account.account_id, DEMO_NAME, dict(_DEMO_TEMPLATE))
    await store.change_sip_config(
        account.account_id,
        "setup",
        lambda current: replace(
            current,
            allowed_cidr_ranges=("127.0.0.0/8",),
            allow_all_agents=True,
            allowed_agents=(AgentAllowance(agent.agent_id, f"^{DEMO_NAME}$"),),
        ),
    )


def _write_key(path: Path, key: str) -> None:
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key + "\n")
    except OSError as error:
        raise CannotStart(f"cannot write the API key to {path}: {(error.strerror or str(error)).lower()}") from error
