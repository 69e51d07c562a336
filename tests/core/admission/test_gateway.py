from hypothesis import given
from hypothesis import strategies as st

from callgate.core.admission.gateway import GatewayWatch

BRIDGE = "172.17.0.1"


def nobody(address: str) -> bool:
    return False


def everybody(address: str) -> bool:
    return True


def test_strangers_who_share_an_inside_address_are_told_of_once() -> None:
    watch = GatewayWatch()
    said = [watch.seen(BRIDGE, f"8.8.8.{number % 3}", nobody) for number in range(30)]
    told = [words for words in said if words]
    assert len(told) == 1
    assert said.index(told[0]) == 2
    assert "172.17.0.1 seems to be a gateway" in told[0]
    assert "8.8.8.0, 8.8.8.1, 8.8.8.2" in told[0]
    assert "would admit the world" in told[0]


def test_a_gateway_that_is_admitted_is_worse() -> None:
    watch = GatewayWatch()
    told = [watch.seen(BRIDGE, f"8.8.8.{number}", everybody) for number in range(3)]
    assert "it is admitted, and the world with it" in told[-1]


def test_phones_of_the_house_are_no_gateway() -> None:
    watch = GatewayWatch()
    for number in range(50):
        assert watch.seen(f"10.0.0.{number}", f"10.0.0.{number}", nobody) == ""
        assert watch.seen("10.0.0.200", "pbx.local", everybody) == ""
        assert watch.seen("127.0.0.1", f"8.8.8.{number}", everybody) == ""
        assert watch.seen("10.0.0.201", "192.168.1.5", nobody) == ""  # one phone that is mistaken
        assert watch.seen("10.0.0.202", "127.0.1.1", nobody) == ""  # a scanner's habit


def test_whoever_sees_the_worlds_addresses_stands_behind_no_gateway() -> None:
    watch = GatewayWatch()
    assert watch.seen("8.8.4.4", "10.0.0.1", nobody) == ""
    assert not any(watch.seen(BRIDGE, f"8.8.8.{number}", nobody) for number in range(30))


@given(st.lists(st.tuples(st.ip_addresses().map(str), st.one_of(st.ip_addresses().map(str), st.text(max_size=9)))))
def test_whatever_is_said_costs_little(seen: list[tuple[str, str]]) -> None:
    watch = GatewayWatch()
    for source, sent_by in seen:
        watch.seen(source, sent_by, nobody)
    for number in range(300):
        watch.seen(f"10.0.{number // 250}.{number % 250}", "8.8.8.8", nobody)
    assert len(watch._places) <= 100
