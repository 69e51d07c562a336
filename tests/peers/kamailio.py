"""Kamailio as a proxy in front of a gate: it record-routes, and says where calls come from in X-Callgate-Source."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.peers.gate import Gate

CONFIG = Path(__file__).parent.parent / "scenarios" / "kamailio" / "front.cfg"
ADDRESS = "127.0.0.9"
"""Not that of callers nor of gates, so that it can be told who sent what."""
START_S_MAX = 10.0
MEMORY_MB = 32
"""Shared, and of each process; with much less its TLS module refuses to work."""


def installed() -> str | None:
    """Where the program is; Debian puts it where not everybody looks."""
    return shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin")


class Kamailio:
    """One proxy.

    Args:
        gate: what is behind it.
        folder: for its log.
        towards_gate: the transport between the two: ``udp``, ``tcp`` or ``tls``.
        gate_port: the gate's for that transport; ``None``: the one for UDP and TCP.
        certificate: of its own, PEM files of certificate and key: it listens on TLS too, and speaks it; ``None``: it
            does neither.

    Attributes:
        sip_host: of its SIP address.
        sip_port: likewise, for UDP and TCP.
        tls_port: for TLS.
    """

    def __init__(
        self,
        gate: Gate,
        folder: Path,
        *,
        towards_gate: str = "udp",
        gate_port: int | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        program = installed()
        assert program is not None, "Kamailio is missing; scripts/install_test_peers.sh installs it"
        self.sip_host = ADDRESS
        self.sip_port, self.tls_port = _free_port(), _free_port()
        defined = {
            "ADDRESS": ADDRESS,
            "UDP_SOCKET": f"udp:{ADDRESS}:{self.sip_port}",
            "TCP_SOCKET": f"tcp:{ADDRESS}:{self.sip_port}",
            "GATE": f'"sip:{gate.sip_host}:{gate_port or gate.sip_port};transport={towards_gate}"',
        }
        if certificate is not None:
            defined |= {
                "WITH_TLS": "1",
                "TLS_SOCKET": f"tls:{ADDRESS}:{self.tls_port}",
                "TLS_CERTIFICATE": f'"{certificate[0]}"',
                "TLS_KEY": f'"{certificate[1]}"',
            }
        self._log_path = folder / "kamailio.log"
        self._command = [
            program,
            *("-f", str(CONFIG), "-DD", "-E", "-m", str(MEMORY_MB), "-M", str(MEMORY_MB)),
            *("-Y", str(folder), "-w", str(folder)),
            *(word for name, value in defined.items() for word in ("-A", f"{name}={value}")),
        ]
        self._start()

    def uri(self, user: str) -> str:
        """What a phone dials to reach the gate through it."""
        return f"sip:{user}@{self.sip_host}:{self.sip_port}"

    def log(self) -> str:
        """What it complained of."""
        return self._log_path.read_text(errors="replace")

    def stop(self) -> None:
        """End it and its children."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def restart(self) -> None:
        """End it, and start another at the same ports: it has no connections, and knows of no calls."""
        self.stop()
        self._start()

    def _start(self) -> None:
        self._log = self._log_path.open("a")
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_S_MAX
        while True:
            with socket.socket() as probe:
                if probe.connect_ex((self.sip_host, self.sip_port)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"Kamailio did not start:\n{self.log()}")
            time.sleep(0.05)


def _free_port() -> int:
    """One that is free for UDP and TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((ADDRESS, 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind((ADDRESS, port))
            except OSError:
                continue
            return port
