import socket

import pytest

from callgate.signaling.listeners import CannotListen, bind, bind_both
from callgate.signaling.transport import Listener


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def test_both_have_the_same_port() -> None:
    udp, tcp = bind_both("127.0.0.1", 0)
    with udp, tcp:
        assert port_of(udp) == port_of(tcp) > 0
        assert (udp.type, tcp.type) == (socket.SOCK_DGRAM, socket.SOCK_STREAM)
        with pytest.raises(CannotListen, match="in use") as caught:
            bind_both("127.0.0.1", port_of(udp))
        assert str(caught.value.wanted) == f"udp:127.0.0.1:{port_of(udp)}"


def test_a_udp_port_that_is_taken_for_tcp_is_not_kept() -> None:
    with bind(Listener("tcp", "127.0.0.1", 0)) as taken:
        with pytest.raises(CannotListen) as caught:
            bind_both("127.0.0.1", port_of(taken))
        assert caught.value.wanted.transport == "tcp"
        bind(Listener("udp", "127.0.0.1", port_of(taken))).close()


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_all_addresses_of_both_families(transport: str) -> None:
    with bind(Listener(transport, "::", 0)) as both:
        assert both.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0
    with bind(Listener(transport, "0.0.0.0", 0)) as four:
        six = Listener(transport, "::", port_of(four))
        with pytest.raises(CannotListen):
            bind(six)
        with bind(six, beside=[Listener(transport, "0.0.0.0", port_of(four))]) as beside:
            assert beside.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(CannotListen) as caught:
        bind(Listener("tls", "203.0.113.250", 0))
    assert str(caught.value.wanted) == "tls:203.0.113.250:0"
    assert str(Listener("udp", "::1", 5060)) == "udp:[::1]:5060"
