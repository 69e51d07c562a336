import socket
from collections.abc import Iterator

import pytest

from callgate.media.port_pool import NoPort, PortPool


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


@pytest.fixture
def first() -> Iterator[int]:
    """An even port with five more behind it that are free."""
    for port in range(41_000, 60_000, 10):
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(6)]
        try:
            for offset, sock in enumerate(sockets):
                sock.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        finally:
            for sock in sockets:
                sock.close()
        yield port
        return


def test_ports_are_even_rest_after_a_call_and_come_back_empty(first: int) -> None:
    pool = PortPool("127.0.0.1", first - 1, first + 3, rest_s=5)
    one, two = pool.take(0), pool.take(0)
    assert [port_of(one), port_of(two)] == [first, first + 2]
    with pytest.raises(NoPort, match=f"no RTP port is free in {first - 1} to {first + 3}"):
        pool.take(0)
    pool.give_back(one, 10)
    assert pool.next_rested() == 15
    with pytest.raises(NoPort):
        pool.take(14.9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.sendto(b"a late packet of the old call", ("127.0.0.1", first))
    again = pool.take(15)
    assert again is one
    with pytest.raises(BlockingIOError):
        again.recv(1)
    two.close()
    one.close()
    pool.close()


def test_a_port_that_somebody_else_has_is_passed_over(first: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first))
        pool = PortPool("127.0.0.1", first, first + 3, rest_s=0)
        with pool.take(0) as sock:
            assert port_of(sock) == first + 2


def test_closing_lets_resting_ports_go(first: int) -> None:
    pool = PortPool("127.0.0.1", first, first + 1, rest_s=60)
    sock = pool.take(0)
    pool.give_back(sock, 0)
    pool.close()
    assert sock.fileno() == -1
