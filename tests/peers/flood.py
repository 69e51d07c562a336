"""Strangers that send what scanners send, from many addresses of this machine, at an even rate."""

import itertools
import random
import socket
import threading
import time

_MISCHIEF = (
    b"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{n}\r\nFrom: <sip:100@{host}>;tag={n}\r\n"
    b"To: <{uri}>\r\nCall-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:100@{host}>\r\nMax-Forwards: 70\r\n"
    b"User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n",
    b"OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{n}\r\nFrom: <sip:100@{host}>;tag={n}\r\n"
    b"To: <{uri}>\r\nCall-ID: {n}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
    b"REGISTER {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{n}\r\nFrom: <sip:100@{host}>;tag={n}\r\n"
    b"To: <{uri}>\r\nCall-ID: {n}\r\nCSeq: 1 REGISTER\r\nContact: <sip:100@{host}>\r\nContent-Length: 0\r\n\r\n",
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{n}\r\nCSeq: 1 INVITE\r\n\r\n",
    b"INVITE {uri} SIP/2.0\r\nVia: {n}\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n",
)


class Flood:
    """A flood; begins when it is made.

    Args:
        target: whom to send to.
        hosts: addresses of this machine to send from, in turn.
        per_s: packets.
        seconds_max: it ends by itself after this, whatever happens.
    """

    def __init__(self, target: tuple[str, int], hosts: list[str], *, per_s: int, seconds_max: float) -> None:
        self._target = target
        self._hosts = hosts
        self._per_s = per_s
        self._seconds_max = seconds_max
        self._stopping = threading.Event()
        self.sent = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """End it; how many packets were sent."""
        self._stopping.set()
        self._thread.join()
        return self.sent

    def _run(self) -> None:
        chance = random.Random(1)
        sockets = []
        for host in self._hosts:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((host, 0))
            sock.setblocking(False)  # what comes back is not read: it is dropped when the buffer is full
            sockets.append((host, sock))
        begun = time.monotonic()
        for number, (host, sock) in enumerate(itertools.cycle(sockets)):
            ahead_s = number / self._per_s - (time.monotonic() - begun)
            if ahead_s > 0.005:
                self._stopping.wait(ahead_s)
            if self._stopping.is_set() or time.monotonic() - begun > self._seconds_max:
                break
            sock.sendto(self._packet(chance, host, number), self._target)
            self.sent += 1
        for _, sock in sockets:
            sock.close()

    def _packet(self, chance: random.Random, host: str, number: int) -> bytes:
        kind = chance.randrange(len(_MISCHIEF) + 2)
        if kind >= len(_MISCHIEF):
            return chance.randbytes(chance.randrange(1, 1_200))
        uri = f"sip:{chance.randrange(10**6)}@{self._target[0]}"
        filled = _MISCHIEF[kind].replace(b"{uri}", uri.encode()).replace(b"{host}", host.encode())
        return filled.replace(b"{n}", str(number).encode())


if __name__ == "__main__":  # for benchmarks, in a process of its own: HOST PORT PER_S SECONDS SOURCES
    import sys

    _host, _port, _per_s, _seconds, _sources = sys.argv[1:]
    _flood = Flood(
        (_host, int(_port)),
        [f"127.0.1.{_number}" for _number in range(1, int(_sources) + 1)],
        per_s=int(_per_s),
        seconds_max=float(_seconds),
    )
    _flood._thread.join()
    sys.stdout.write(f"{_flood.sent}\n")
