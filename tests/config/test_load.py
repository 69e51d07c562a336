import string
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.config.load import SettingError, load, parse_bind, parse_listen
from callgate.config.settings import DECLARED, DEFAULTS, Settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "callgate.toml"


def test_nothing_given_is_the_defaults() -> None:
    assert load() == DEFAULTS == Settings()


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(file: Path) -> None:
    file.write_text('[sip]\nbind = "127.0.0.1:1"\nt1_ms = 100\ndomain = "file.example"\n')
    environment = {"CALLGATE_SIP_BIND": "127.0.0.1:2", "CALLGATE_SIP_T1_MS": "200", "PATH": "/bin"}
    settings = load({"sip_bind": "127.0.0.1:3", "calls_max": None}, environment, file)
    assert (settings.sip_bind, settings.sip_t1_ms, settings.sip_domain) == ("127.0.0.1:3", 200, "file.example")
    assert settings.calls_max == DEFAULTS.calls_max


def test_what_the_command_line_reads_is_no_setting() -> None:
    assert load({}, {"CALLGATE_URL": "http://127.0.0.1:1"}, None) == load()


def test_lists_numbers_and_booleans(file: Path) -> None:
    file.write_text(
        'local_networks = ["10.0.0.0/8"]\ntrust_asserted_identity = false\nno_rule_status = 404\n'
        "[drain]\ntimeout_s = 3\n[source]\ncalls_per_s = 2.5\n"
    )
    environment = {"CALLGATE_SIP_TRUSTED_PROXIES": "192.0.2.1, 192.0.2.2,", "CALLGATE_URL_ALLOW_HTTP": "Yes"}
    settings = load(None, environment, file)
    assert settings.local_networks == ("10.0.0.0/8",)
    assert settings.sip_trusted_proxies == ("192.0.2.1", "192.0.2.2")
    assert (settings.trust_asserted_identity, settings.url_allow_http) == (False, True)
    assert (settings.drain_timeout_s, settings.source_calls_per_s, settings.no_rule_status) == (3.0, 2.5, 404)
    assert isinstance(settings.drain_timeout_s, float)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sip]\nbnid = "x"\n', "no setting is called sip.bnid; did you mean sip.bind?"),
        ("colour = 1\n", "no setting is called colour"),
        ("[sip]\nt1_ms = 5\n", "sip.t1_ms in FILE is 5; expected 10 to 10000 ms"),
        ("[sip]\nt1_ms = 20.5\n", "sip.t1_ms in FILE is 20.5; expected a whole number"),
        ("[sip]\nt1_ms = inf\n", "sip.t1_ms in FILE is inf; expected a whole number"),
        ('[sip]\nt1_ms = "fast"\n', "sip.t1_ms in FILE is 'fast'; expected a whole number"),
        ("[sip]\nt1_ms = true\n", "sip.t1_ms in FILE is True; expected a number"),
        ("[sip]\nbind = 5060\n", "sip.bind in FILE is 5060; expected a text"),
        ("[account]\ncalls_max = -1\n", "account.calls_max in FILE is -1; expected at least 0"),
        ("[drain]\ntimeout_s = nan\n", "drain.timeout_s in FILE is nan; expected a number"),
        ("[drain]\ntimeout_s = inf\n", "drain.timeout_s in FILE is inf; expected 0 to 86400 s"),
        ("local_networks = [1]\n", r"local_networks in FILE is \[1\]; expected a list of texts"),
        ('trust_asserted_identity = "maybe"\n', "trust_asserted_identity in FILE is 'maybe'; expected true or false"),
        ('to_user_from = "from"\n', "to_user_from in FILE is 'from'; expected one of both, to, request_uri"),
        ("no_rule_status = 500\n", "no_rule_status in FILE is 500; expected one of 603, 404, 480"),
        ('[sound]\ncodecs = ["PCMU", "GSM"]\n', r"sound.codecs in FILE is .*; expected a list of PCMU, PCMA, G722"),
        ("[sound]\ncodecs = []\n", r"sound.codecs in FILE is \[\]; expected a list of PCMU, PCMA, G722"),
        ('[srtp]\ntcp = "required"\n', "srtp.tcp is required, and srtp.without_tls is off, so that no call"),
        ('advertise = "me.example.org"\n', "advertise is 'me.example.org'; expected an IP address"),
        ('advertise = "192.0.2.1, 192.0.2.2"\n', "advertise is 192.0.2.1, 192.0.2.2; expected one address of IPv4"),
        ('local_networks = ["inside"]\n', "local_networks has 'inside'; expected networks such as"),
        ('[sip]\nlisten = ["udp:5060"]\n', "sip.listen has 'udp:5060'; expected udp, tcp or tls, an IP address and"),
        ('[sip]\nlisten = ["sctp:127.0.0.1:5060"]\n', "sip.listen has 'sctp:127.0.0.1:5060'; expected udp, tcp or"),
        ('[sip]\nlisten = ["tcp:localhost:5060"]\n', "sip.listen has 'tcp:localhost:5060'; expected udp, tcp or tls"),
        ('[sip]\nlisten = ["tls:127.0.0.1:5061"]\n', "sip.listen has tls, and tls.certificate is empty; expected a"),
        ('[tls]\nkey = "key.pem"\n', "tls.key is 'key.pem', and sip.listen has no tls; expected e.g. tls:0.0.0.0:5061"),
        ('[stun]\nserver = "stun.example.org"\n', "stun.server is 'stun.example.org'; expected ADDRESS:PORT"),
        ("this is not TOML", "is not TOML"),
        ("[rtp]\nport_first = 30000\n", "rtp.port_last is 29999; expected more than rtp.port_first, 30000"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_in_one_line(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingError, match=words.replace("FILE", str(file))) as caught:
        load(file=file)
    if "not TOML" not in words:
        assert "\n" not in str(caught.value)


def test_what_is_wrong_elsewhere_says_where_it_stands() -> None:
    with pytest.raises(SettingError, match=r"calls.max \(--calls-max\) is 'many'; expected a whole number"):
        load({"calls_max": "many"})
    with pytest.raises(
        SettingError, match=r"calls.max in the environment \(CALLGATE_CALLS_MAX\) is '0'; expected 1 to 100000"
    ):
        load(None, {"CALLGATE_CALLS_MAX": "0"})
    with pytest.raises(SettingError, match=r"CALLGATE_CALL_MAX; did you mean CALLGATE_CALLS_MAX\?"):
        load(None, {"CALLGATE_CALL_MAX": "1"})


def test_listeners_are_taken_apart(file: Path) -> None:
    file.write_text(
        '[sip]\nlisten = ["udp:[::1]:5060", "tls:0.0.0.0:5061"]\n[tls]\ncertificate = "a.pem"\nkey = "b.pem"\n'
    )
    settings = load(file=file)
    assert [parse_listen(text) for text in settings.sip_listen] == [("udp", "::1", 5060), ("tls", "0.0.0.0", 5061)]
    assert load({"advertise": "192.0.2.1, 2001:db8::1"}).advertise == ("192.0.2.1", "2001:db8::1")


def test_a_secret_is_not_repeated(file: Path) -> None:
    file.write_text("[api]\nkey = 12345\n")
    with pytest.raises(SettingError) as caught:
        load(file=file)
    assert "12345" not in str(caught.value)
    assert "(hidden)" in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no such file"):
        load(file=tmp_path / "missing.toml")
    (tmp_path / "latin").write_bytes(b"data = '\xff'")
    with pytest.raises(SettingError, match="is not TOML"):
        load(file=tmp_path / "latin")


def test_a_table_deeper_than_any_setting_is_no_setting(file: Path) -> None:
    file.write_text("[sip.bind]\nhost = 1\n")
    with pytest.raises(SettingError, match=r"sip.bind in .* expected a text"):
        load(file=file)


def test_an_empty_environment_variable_is_an_empty_text_or_list() -> None:
    settings = load(None, {"CALLGATE_SIP_DOMAIN": "", "CALLGATE_LOCAL_NETWORKS": ""})
    assert (settings.sip_domain, settings.local_networks) == ("", ())


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("127.0.0.1:5060", ("127.0.0.1", 5060)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:65535", ("localhost", 65_535)),
    ],
)
def test_an_address_and_a_port(text: str, bound: tuple[str, int]) -> None:
    assert parse_bind("sip.bind", text) == bound


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":5060", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "a:-1"])
def test_what_is_no_address_and_port(text: str) -> None:
    with pytest.raises(SettingError, match="expected ADDRESS:PORT"):
        parse_bind("sip.bind", text)


@given(st.sampled_from(sorted(DECLARED)), st.text(string.printable, max_size=30))
def test_no_text_makes_loading_fail_otherwise(name: str, text: str) -> None:
    with suppress(SettingError):
        load({name: text})
