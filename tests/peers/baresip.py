"""baresip as a caller: a SIP client that others wrote, which writes what it hears to a file."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.peers.gate import Reachable

_CONFIG = """
module_path /usr/lib/baresip/modules
sip_listen 127.0.0.1:0
audio_player aubridge,heard
audio_source aufile,{said}
audio_alert aufile,/dev/null
ausrc_srate 8000
auplay_srate 8000
audio_buffer 20-160
net_interface 127.0.0.1
module stdio.so
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
{modules}
snd_path {folder}
module_app account.so
module_app menu.so
{further}
"""


class Baresip:
    """Calls users of a gate, directly or through what stands before it.

    Args:
        gate: whom to call.
        folder: for its configuration and files.
    """

    def __init__(self, gate: Reachable, folder: Path) -> None:
        self._gate = gate
        self._folder = folder

    def calls(
        self,
        user: str,
        *,
        said: Path,
        seconds: int,
        transport: str = "udp",
        modules: Sequence[str] = (),
        account: str = "",
        port: int | None = None,
        config: str = "",
    ) -> Path:
        """Call, speak the file `said`, hang up after so many seconds; the WAV of what was heard.

        Args:
            user: whom to call.
            said: 8,000 Hz, mono.
            seconds: after which it leaves.
            transport: ``udp``, ``tcp`` or ``tls``.
            modules: further ones, e.g. ``srtp``.
            account: parameters of the account, e.g. ``;mediaenc=srtp``.
            port: of the gate, when it is not that of its SIP address.
            config: further lines of its configuration.
        """
        log = self._dial(user, said, seconds, transport, modules, account, port, config)
        heard = list(self._folder.glob("dump-*-dec.wav"))
        assert len(heard) == 1, log
        return heard[0]

    def is_refused(
        self, user: str, *, said: Path, transport: str = "udp", port: int | None = None, config: str = ""
    ) -> str:
        """Call somebody who does not answer; what it has to say of that."""
        log = self._dial(user, said, 3, transport, port=port, config=config)
        assert not list(self._folder.glob("dump-*-dec.wav")), log
        return log

    def sends_on(self, user: str, to: str, *, said: Path) -> str:
        """Call, and when it has been answered send the call on to somebody else, by REFER; what it had to say."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._configure(said, (), "", f"module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{port}")
        with (self._folder / "baresip.log").open("w") as output:
            process = self._start(f"sip:{user}@{self._gate.sip_host}:{self._gate.sip_port}", 10, output)
            try:
                self._wait_for("Call established")
                command = json.dumps({"command": "transfer", "params": to})
                with socket.create_connection(("127.0.0.1", port), 5) as control:
                    control.sendall(f"{len(command)}:{command},".encode())  # a netstring
                    process.wait(20)
            finally:
                process.kill()
                process.wait()
        return self._log()

    def _dial(
        self,
        user: str,
        said: Path,
        seconds: int,
        transport: str,
        modules: Sequence[str] = (),
        account: str = "",
        port: int | None = None,
        config: str = "",
    ) -> str:
        self._configure(said, modules, account, config)
        with (self._folder / "baresip.log").open("w") as output:
            dialled = f"sip:{user}@{self._gate.sip_host}:{port or self._gate.sip_port};transport={transport}"
            process = self._start(dialled, seconds, output)
            try:
                process.wait(seconds + 20)
            finally:
                process.kill()
                process.wait()
        return self._log()

    def _configure(self, said: Path, modules: Sequence[str], account: str, config: str) -> None:
        loaded = "\n".join(f"module {name}.so" for name in modules)
        (self._folder / "config").write_text(
            _CONFIG.format(folder=self._folder, said=said, modules=loaded, further=config)
        )
        (self._folder / "accounts").write_text(f"<sip:baresip@127.0.0.1>;regint=0{account}\n")
        (self._folder / "contacts").write_text("")

    def _start(self, dialled: str, seconds: int, output: IO[str]) -> subprocess.Popen[bytes]:
        program = shutil.which("baresip")
        assert program is not None, "baresip is missing; scripts/install_test_peers.sh installs it"
        return subprocess.Popen(
            [program, "-f", str(self._folder), "-e", f"/dial {dialled}", "-t", str(seconds), "-v"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def _log(self) -> str:
        return (self._folder / "baresip.log").read_text(errors="replace")

    def _wait_for(self, words: str) -> None:
        deadline = time.monotonic() + 10
        while words.lower() not in self._log().lower():
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.05)
