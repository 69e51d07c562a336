"""The callers of the configuration, with the accounts they are of."""

from collections.abc import Sequence

from callgate.app.first_start import CannotStart
from callgate.config.settings import Settings
from callgate.core.admission.callers import CallerProofs, caller
from callgate.entities.account import Account


def caller_proofs(settings: Settings, accounts: Sequence[Account], secret: bytes) -> CallerProofs | None:
    """Who may prove itself, and how; ``None`` when nobody is asked to.

    Args:
        settings: as loaded.
        accounts: all there are.
        secret: for challenges, of this process.

    Raises:
        CannotStart: a caller is of an account that does not exist.
    """
    if settings.caller_auth_mode == "off":
        return None
    by_slug = {account.slug: account.account_id for account in accounts}
    callers = []
    for listed in settings.callers:
        account_id = by_slug.get(listed.account)
        if account_id is None and not listed.account and len(accounts) == 1:
            account_id = accounts[0].account_id
        if account_id is None:
            raise CannotStart(
                f"[callers]: {listed.username} is of account {listed.account!r}; expected one of {', '.join(by_slug)}"
            )
        callers.append(
            caller(
                listed.username,
                account_id,
                listed.password,
                realm=settings.caller_auth_realm,
                algorithms=settings.caller_auth_algorithms,
            )
        )
    return CallerProofs(
        callers,
        realm=settings.caller_auth_realm,
        algorithms=settings.caller_auth_algorithms,
        nonce_s=settings.caller_auth_nonce_s,
        secret=secret,
    )
