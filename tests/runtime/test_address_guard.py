"""Which addresses the URL of an account may reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.runtime.address_guard import AddressGuard, check_url

PUBLIC = ["8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8"]
LOOPBACK = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"]
PRIVATE = [
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.1.1",
    "fd00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
]
NEVER = [
    "0.0.0.0",
    "::",
    "255.255.255.255",
    "224.0.0.1",
    "240.0.0.1",
    "ff02::1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "64:ff9b:1::a00:1",
    "::127.0.0.1",
    "x",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    assert AddressGuard().refusal(address) is None


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_reached_where_allowed(address: str) -> None:
    assert "loopback" in (AddressGuard().refusal(address) or "")
    assert AddressGuard(allow_loopback=True).refusal(address) is None
    assert AddressGuard(allow_private=True).refusal(address) is not None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_reached_where_allowed(address: str) -> None:
    assert "may not be reached" in (AddressGuard(allow_loopback=True).refusal(address) or "")
    assert AddressGuard(allow_private=True).refusal(address) is None


@pytest.mark.parametrize("address", NEVER)
def test_special_addresses_are_never_reached(address: str) -> None:
    assert AddressGuard(allow_private=True, allow_loopback=True).refusal(address) is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://owner.example/sip?x=1",
        "https://owner.example:8443/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://xn--bcher-kva.example/",
        "HTTPS://owner.example",
    ],
)
def test_a_url_is_fine(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://owner.example/", "scheme must be https or http: `ftp`"),
        ("owner.example/", "scheme must be"),
        ("", "scheme must be"),
        ("http://owner.example/", "expected https"),
        ("https://user:secret@owner.example/", "user or password"),
        ("https://@owner.example/", "user or password"),
        ("https:///path", "no host"),
        ("https://owner.example:0/", "port 0"),
        ("https://owner.example:65536/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://owner example/", "space"),
        ("https://owner.example/\x00", "control"),
        ("https://owner.example\\@evil.example/", "backslash"),
        ("https://owner.example/" + "x" * 2_000, "longer than 2000"),
        ("https://10.0.0.1/", "private"),
        ("https://[::ffff:169.254.169.254]/", "credentials"),
        ("https://localhost/", "loopback"),
        ("https://x.localhost./", "loopback"),
        ("https://2130706433/", "usual form"),
        ("https://127.1/", "usual form"),
        ("https://0x7f.0.0.1/", "usual form"),
        ("https://0177.0.0.1/", "usual form"),
        ("https://-x-/", "not a host name"),
    ],
)
def test_a_url_is_refused_in_words(url: str, words: str) -> None:
    assert words in (check_url(url) or "")


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "localhost", "[::1]"])
def test_plain_http_is_for_loopback_or_by_setting(host: str) -> None:
    assert check_url(f"http://{host}/", allow_loopback=True) is None
    assert check_url(f"http://{host}/", allow_http=True) is not None
    assert check_url("http://owner.example/", allow_http=True) is None
    assert check_url("http://10.0.0.1/", allow_http=True, allow_private=True) is None


def test_a_websocket_has_schemes_of_its_own() -> None:
    assert check_url("wss://owner.example/x", websocket=True) is None
    assert check_url("ws://127.0.0.1:9000/", websocket=True, allow_loopback=True) is None
    assert check_url("ws://owner.example/", websocket=True, allow_http=True) is None
    assert "expected wss" in (check_url("ws://owner.example/", websocket=True) or "")
    assert "must be wss or ws: `https`" in (check_url("https://owner.example/", websocket=True) or "")
    assert "must be https or http: `wss`" in (check_url("wss://owner.example/") or "")
    assert "private" in (check_url("wss://10.0.0.1/", websocket=True) or "")


@given(st.text(max_size=60) | st.text("htps:/@[]%.01a\\", max_size=30).map("https://".__add__))
def test_any_url_is_fine_or_refused_in_words(url: str) -> None:
    refusal = check_url(url)
    assert refusal is None or refusal
