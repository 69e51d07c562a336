"""baresip as a caller: a SIP client that others wrote, which writes what it hears to a file."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

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
        program = shutil.which("baresip")
        assert program is not None, "baresip is missing; scripts/install_test_peers.sh installs it"
        loaded = "\n".join(f"module {name}.so" for name in modules)
        (self._folder / "config").write_text(
            _CONFIG.format(folder=self._folder, said=said, modules=loaded, further=config)
        )
        (self._folder / "accounts").write_text(f"<sip:baresip@127.0.0.1>;regint=0{account}\n")
        (self._folder / "contacts").write_text("")
        log = self._folder / "baresip.log"
        dialled = f"sip:{user}@{self._gate.sip_host}:{port or self._gate.sip_port};transport={transport}"
        with log.open("w") as output:
            subprocess.run(
                [program, "-f", str(self._folder), "-e", f"/dial {dialled}", "-t", str(seconds), "-v"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds + 20,
                check=False,
            )
        return log.read_text(errors="replace")
