from dataclasses import replace

from callgate.entities.page import PageWanted
from callgate.entities.sip_config import AgentAllowance, BreakerTerms, Safeguards
from callgate.store.open import Store
from tests.store.facts import a_call, a_record, an_event


async def test_deleting_an_agent_takes_its_allowances_with_it(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    gone = await store.create_agent(account.account_id, "gone", {"systemPrompt": "hi"})
    kept = await store.create_agent(account.account_id, "kept", None)
    allowances = (AgentAllowance(gone.agent_id, "^1"), AgentAllowance(kept.agent_id, "^2"))
    await store.change_sip_config(account.account_id, "k", lambda config: replace(config, allowed_agents=allowances))
    seen: list[tuple[bool, int]] = []
    store.snapshot.on_change(
        lambda account_id: seen.append(
            (
                store.snapshot.agent(gone.agent_id) is None,
                len(store.snapshot.sip_config(account_id).config.allowed_agents),
            )
        )
    )
    assert await store.delete_agent(account.account_id, gone.agent_id, "k")
    assert seen == [(True, 1)]  # both at once: nobody ever sees an allowance without its agent
    assert not await store.delete_agent(account.account_id, gone.agent_id, "k")


async def test_deleting_the_agent_for_failures_takes_the_entry_with_it(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    agent = await store.create_agent(account.account_id, "stand-in", None)
    safeguards = Safeguards("https://second.example/", agent.agent_id, BreakerTerms())
    await store.change_sip_config(account.account_id, "k", lambda config: replace(config, safeguards=safeguards))
    seen: list[tuple[bool, Safeguards]] = []
    store.snapshot.on_change(
        lambda account_id: seen.append(
            (store.snapshot.agent(agent.agent_id) is None, store.snapshot.sip_config(account_id).config.safeguards)
        )
    )
    assert await store.delete_agent(account.account_id, agent.agent_id, "k")
    assert seen == [(True, replace(safeguards, agent_on_failure=None))]
    version = store.snapshot.sip_config(account.account_id)
    assert (version.number, list(version.difference)) == (3, ["fallback"])


async def test_a_template_is_merged_by_its_top_level_keys_and_makes_a_revision(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    agent = await store.create_agent(account.account_id, "demo", {"systemPrompt": "hi", "model": "x"})
    changed = await store.update_agent(agent.agent_id, merge_template={"systemPrompt": None, "voice": "v"})
    assert changed is not None
    assert changed.call_template == {"model": "x", "voice": "v"}
    assert changed.published_revision_id != agent.published_revision_id
    same = await store.update_agent(agent.agent_id, merge_template={"voice": "v"})
    assert same == changed


async def test_agents_are_listed_with_their_calls_counted(store: Store) -> None:
    account, _ = await store.create_account("default", "Default")
    for name in ("Anna", "Berta", "hanna"):
        await store.create_agent(account.account_id, name, None)
    page = await store.list_agents(account.account_id, PageWanted(1), search="anna", sort="name")
    found = page.items
    assert ([agent.name for agent in found], page.total) == (["Anna"], 2)
    call = a_call(account.account_id, agent_id=found[0].agent_id)
    await store.call_started(call, a_record(account.account_id), an_event(call, "call.started"))
    again = await store.get_agent(account.account_id, found[0].agent_id)
    assert again is not None
    assert again.calls == 1
