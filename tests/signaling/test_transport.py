from callgate.signaling.transport import Peer


def test_what_is_reliable() -> None:
    assert not Peer("udp", "192.0.2.1", 5060).reliable
    assert Peer("tcp", "192.0.2.1", 5060).reliable
