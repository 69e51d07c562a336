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


def test_pairs_are_even_and_odd_rest_after_a_call_and_come_back_empty(first: int) -> None:
    pool = PortPool("127.0.0.1", first - 1, first + 4, rest_s=5)
    one, two = pool.take(0), pool.take(0)
    assert [port_of(one.rtp), port_of(one.rtcp), port_of(two.rtp), port_of(two.rtcp)] == list(range(first, first + 4))
    # `first + 4` has no partner within the range.
    with pytest.raises(NoPort, match=f"no pair of RTP ports is free in {first - 1} to {first + 4}"):
        pool.take(0)
    pool.give_back(one, 10)
    assert pool.next_rested() == 15
    with pytest.raises(NoPort):
        pool.take(14.9)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.sendto(b"a late packet of the old call", ("127.0.0.1", first))
        late.sendto(b"and its report", ("127.0.0.1", first + 1))
    again = pool.take(15)
    assert again is one
    for sock in again:
        with pytest.raises(BlockingIOError):
            sock.recv(1)
    two.close()
    one.close()
    pool.close()


@pytest.mark.parametrize("taken", [0, 1])
def test_a_pair_of_which_somebody_else_has_a_port_is_passed_over(first: int, taken: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        theirs.bind(("127.0.0.1", first + taken))
        pair = PortPool("127.0.0.1", first, first + 3, rest_s=0).take(0)
        assert pair.rtp_port == first + 2
        pair.close()
    # Nothing of the pair that was passed over is held.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", first + 1 - taken))


def test_closing_lets_resting_ports_go(first: int) -> None:
    pool = PortPool("127.0.0.1", first, first + 1, rest_s=60)
    pair = pool.take(0)
    pool.give_back(pair, 0)
    pool.close()
    assert pair.rtp.fileno() == pair.rtcp.fileno() == -1
