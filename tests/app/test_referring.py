import pytest

from callgate.app.first_start import CannotStart
from callgate.app.referring import transfers_of
from callgate.calls.registry import Registry
from callgate.config.load import SettingError, load
from callgate.config.settings import Settings
from callgate.core.sdp.terms import sound_policy
from callgate.core.sip.uri import parse_uri

POLICY = sound_policy(codecs=("G722",), srtp_tls="required")


def test_by_default_no_call_is_sent_on() -> None:
    assert transfers_of(Settings(), Registry(), lambda: POLICY) is None


def test_the_list_is_read_and_sound_is_that_of_the_transport() -> None:
    settings = Settings(sip_refer=True, sip_refer_destinations=("pbx.example.org", "2*@10.0.0.0/8:*"))
    transfers = transfers_of(settings, Registry(), lambda: POLICY)
    assert transfers is not None
    assert [entry.allows(parse_uri("sip:200@10.0.0.1:9"), "udp") for entry in transfers.allowed] == [False, True]
    terms = transfers.sound("tls", "192.0.2.1")
    assert (terms.codecs, terms.srtp, terms.source) == (("G722",), "required", "192.0.2.1")


def test_an_entry_that_is_none_is_told_in_one_line() -> None:
    settings = Settings(sip_refer=True, sip_refer_destinations=("pbx.example.org", "*"))
    with pytest.raises(CannotStart, match=r"sip\.refer_destinations has '\*'; expected a host name"):
        transfers_of(settings, Registry(), lambda: POLICY)


def test_on_without_a_list_is_a_mistake() -> None:
    with pytest.raises(SettingError, match="nobody could be called"):
        load(environment={"CALLGATE_SIP_REFER": "on"})
    on = {"CALLGATE_SIP_REFER": "on", "CALLGATE_SIP_REFER_DESTINATIONS": "pbx.example.org, 10.0.0.0/8:*"}
    assert load(environment=on).sip_refer_destinations == ("pbx.example.org", "10.0.0.0/8:*")
