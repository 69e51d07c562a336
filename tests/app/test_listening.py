from pathlib import Path

import pytest

from callgate.app.first_start import CannotStart
from callgate.app.listening import Listening, media_bind
from callgate.config.settings import Settings
from callgate.signaling.transport import Listener
from tests.peers.certificates import Authority


@pytest.mark.parametrize(
    ("host", "others", "bound"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", ["10.0.0.1"], "0.0.0.0"),
        ("0.0.0.0", ["0.0.0.0"], "0.0.0.0"),
        ("127.0.0.1", ["::1"], "::"),
        ("::", ["0.0.0.0"], "::"),
    ],
)
def test_sound_is_bound_for_callers_of_every_listener(host: str, others: list[str], bound: str) -> None:
    assert media_bind(host, others) == bound


def test_what_the_settings_say(tmp_path: Path) -> None:
    own = Authority(tmp_path).signs("gate")
    warnings: list[str] = []
    settings = Settings(
        sip_bind="127.0.0.1:0",
        sip_listen=("tls:127.0.0.1:0", "udp:[::1]:5060"),
        tls_certificate=str(own.certificate),
        tls_key=str(own.key),
        advertise=("198.51.100.7",),
        sip_stranger_connections_max=7,
        rtp_bind="127.0.0.1",
    )
    listening = Listening(settings, warnings.append)
    options = listening.options()
    assert listening.further == [Listener("tls", "127.0.0.1", 0), Listener("udp", "::1", 5060)]
    assert options.tls is not None
    assert options.tls.server is not None
    assert (options.limits.stranger_max, options.media_bind) == (7, "127.0.0.1")
    assert (listening.outside(4), listening.outside(6)) == ("198.51.100.7", "")
    assert listening.machine.nature("198.51.100.7") == "own"
    assert Listening(Settings(), warnings.append).options().tls is None


def test_a_certificate_that_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    settings = Settings(tls_certificate=str(tmp_path / "gone.pem"), tls_key=str(tmp_path / "gone.key"))
    with pytest.raises(CannotStart, match=r"TLS cannot be had: there is no file .*gone\.pem \(tls\.certificate"):
        Listening(settings, lambda words: None)
