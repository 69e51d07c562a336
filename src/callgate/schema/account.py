"""An account as the API shows it."""

from callgate.entities.account import Account
from callgate.entities.json import JsonObject


def render_account(account: Account, *, calls: int, calls_max: int) -> JsonObject:
    """The public Account. Nothing is billed, so there is always as good as a subscription, and never an end of it.

    Args:
        account: whose.
        calls: in progress.
        calls_max: how many it may have at a time.
    """
    return {
        "accountId": account.account_id,
        "name": account.name,
        "billingUrl": "",
        "freeTimeUsed": "0s",
        "freeTimeRemaining": "0s",
        "hasActiveSubscription": True,
        "subscriptionTier": None,
        "subscriptionCadence": None,
        "subscriptionExpiration": None,
        "subscriptionScheduledUpdate": None,
        "subscriptionRenewal": None,
        "activeCalls": calls,
        "allowedConcurrentCalls": calls_max,
        "allowedVoices": 0,
        "allowedCorpora": 0,
    }
