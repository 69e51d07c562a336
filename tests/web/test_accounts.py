"""The account as its owner sees it over HTTP."""

from tests.web.conftest import ACCOUNT_CALLS_MAX, Api


async def test_an_owner_sees_the_account_of_the_key_alone(api: Api) -> None:
    await api.store.create_account("other", "Other")
    api.live.joined = {"one", "two"}
    mine = await api.ask("GET", "/api/accounts/me")
    assert (mine.status, mine.body) == (
        200,
        {
            "accountId": api.account.account_id,
            "name": "Acme",
            "billingUrl": "",
            "freeTimeUsed": "0s",
            "freeTimeRemaining": "0s",
            "hasActiveSubscription": True,
            "subscriptionTier": None,
            "subscriptionCadence": None,
            "subscriptionExpiration": None,
            "subscriptionScheduledUpdate": None,
            "subscriptionRenewal": None,
            "activeCalls": 2,
            "allowedConcurrentCalls": ACCOUNT_CALLS_MAX,
            "allowedVoices": 0,
            "allowedCorpora": 0,
        },
    )
    assert (await api.ask("GET", "/api/accounts")).body == [mine.body]
    assert (await api.ask("GET", "/api/accounts/me", headers={"X-API-Key": ""})).status == 401
