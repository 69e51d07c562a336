from datetime import UTC, datetime

import pytest

from callgate.app.callers import caller_proofs
from callgate.app.first_start import CannotStart
from callgate.config.callers import ListedCaller
from callgate.config.settings import Settings
from callgate.entities.account import Account
from tests.core.admission.test_callers import PASSWORD, SOURCE, challenged, proving

ACCOUNTS = [Account(name, name, name, datetime(2026, 1, 1, tzinfo=UTC)) for name in ("acme", "other")]


def settings(account: str = "", **more: str) -> Settings:
    listed = ListedCaller(username="alice", account=account, password=PASSWORD)
    return Settings(caller_auth_mode="instead", callers=(listed,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("account", "accounts"), [("", ACCOUNTS[:1]), ("acme", ACCOUNTS)])
def test_a_caller_of_the_file_proves_itself(account: str, accounts: list[Account]) -> None:
    ours = caller_proofs(settings(account), accounts, b"secret")
    assert ours is not None
    assert ours.look(proving(challenged(ours)), SOURCE, 0.0).account_id == "acme"


@pytest.mark.parametrize("account", ["", "nobody"])
def test_a_caller_is_of_an_account_that_exists(account: str) -> None:
    with pytest.raises(CannotStart, match="alice is of account .*; expected one of acme, other"):
        caller_proofs(settings(account), ACCOUNTS, b"secret")


def test_nobody_is_asked_while_it_is_off() -> None:
    assert caller_proofs(Settings(), ACCOUNTS, b"secret") is None
