import pytest

from callgate.core.sdp.terms import SRTP_MODES, sound_policy


def test_each_listener_has_its_own_terms() -> None:
    policy = sound_policy(
        codecs=("G722",), own_order=True, srtp_udp="required", srtp_tcp="preferred", srtp_without_tls=True
    )
    assert [policy.of(transport).srtp for transport in ("udp", "tcp", "tls")] == ["required", "preferred", "off"]
    assert [policy.of(transport).srtp_barred for transport in ("udp", "tcp")] == ["", ""]
    assert policy.of("tls").srtp_barred == "srtp.tls is off"
    assert all(policy.of(transport).codecs == ("G722",) for transport in ("udp", "tcp", "tls"))
    assert policy.of("udp").own_order


@pytest.mark.rfc("4568", "8.3", "Confidentiality of SDP")
@pytest.mark.parametrize("mode", SRTP_MODES[1:])
def test_keys_need_tls_unless_told_otherwise(mode: str) -> None:
    policy = sound_policy(srtp_udp=mode, srtp_tcp=mode, srtp_tls=mode)
    assert policy.of("udp").srtp_barred.startswith("srtp.without_tls is off")
    assert "TCP" in policy.of("tcp").srtp_barred
    assert policy.of("tls").srtp_barred == ""


def test_a_mode_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="srtp.tcp is 'maybe'; expected one of off, preferred, required"):
        sound_policy(srtp_tcp="maybe")
