"""The compiled rules of all accounts together."""

from datetime import UTC, datetime

import pytest

from callgate.core.admission.policy import AdmissionOptions, PolicySet, compile_policy
from callgate.entities.agent import Agent
from tests.core.admission.rules import IDS, config, invite, policy

A = policy(config(ranges=("192.0.2.0/24",)), account_id="a", domain="A.example.")
B = policy(config(ranges=("198.51.100.0/24",)), account_id="b", domain="b.example")


def test_accounts_are_found_by_domain_whatever_its_case() -> None:
    both = PolicySet((A, B))
    assert both.account_for("a.EXAMPLE", None) is A
    assert both.account_for("x.example", "b.example.") is B
    assert both.account_for("b.example", "a.example") is B
    assert both.account_for("x.example", None) is None
    assert both.account_for(None, None) is None
    assert PolicySet((A,)).account_for(None, None) is A
    assert both.account("b") is B
    assert both.account("c") is None


def test_an_account_is_replaced_without_touching_the_others() -> None:
    changed = policy(config(), account_id="a", domain="a.example", version=8)
    both = PolicySet((A, B))
    after = both.with_account(changed)
    assert (after.account("a"), after.account("b")) == (changed, B)
    assert both.account("a") is A


def test_a_source_is_admitted_by_any_account() -> None:
    both = PolicySet((A, B))
    assert both.admits_source("198.51.100.1")
    assert both.admits_source("::ffff:192.0.2.1")
    assert not both.admits_source("203.0.113.1")


@pytest.mark.parametrize(
    ("proxies", "address", "is_proxy"),
    [
        (("10.0.0.1",), "10.0.0.1", True),
        (("10.0.0.1",), "::ffff:10.0.0.1", True),
        (("10.0.0.0/8", "2001:db8::1"), "10.9.9.9", True),
        (("10.0.0.0/8", "2001:db8::1"), "2001:db8:0::1", True),
        (("10.0.0.1",), "10.0.0.2", False),
        (("10.0.0.1",), "nonsense", False),
        ((), "10.0.0.1", False),
    ],
)
def test_proxies_are_addresses_or_networks(proxies: tuple[str, ...], address: str, is_proxy: bool) -> None:
    assert PolicySet((A,), AdmissionOptions(trusted_proxies=proxies)).is_proxy(address) is is_proxy


def test_the_source_behind_a_proxy_is_written_in_its_usual_form() -> None:
    rules = PolicySet((A,), AdmissionOptions(trusted_proxies=("10.0.0.1",)))
    attempt = invite(source_address="10.0.0.1", headers=(("X-Callgate-Source", "2001:DB8:0::1"),))
    assert rules.source_of(attempt) == "2001:db8::1"
    assert rules.source_of(invite(source_address="192.0.2.1")) == "192.0.2.1"


def test_deleted_agents_are_gone_even_while_they_are_still_listed() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    deleted = Agent(IDS[0], "a", "old", now, None, None, deleted=now)
    compiled = compile_policy(account_id="a", domain="a", config=config((0, ".")), version=1, agents={IDS[0]: deleted})
    assert compiled.patterns.first("x") is None
    assert not compiled.agents_by_user


def test_two_accounts_cannot_have_one_domain_and_options_are_checked() -> None:
    with pytest.raises(ValueError, match="same domain"):
        PolicySet((A, policy(config(), account_id="b", domain="a.example")))
    with pytest.raises(ValueError, match="to_user_from"):
        AdmissionOptions(to_user_from="from")
