"""A virtual environment of a bot's own: it has Pipecat, and not Callgate."""

import subprocess
import sys
from pathlib import Path

PIPECAT = Path(sys.prefix) / "pipecat"
BOTS = Path(__file__).with_name("pipecat_bots")


def bot_environment(folder: Path) -> str:
    """Make one in `folder`; its interpreter."""
    if not (PIPECAT / "pipecat").is_dir():
        raise FileNotFoundError(f"no Pipecat in {PIPECAT}; scripts/install_test_peers.sh installs it")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python3.*/site-packages")
    # What Pipecat shares with us it finds where our own packages are.
    ours = [entry for entry in sys.path if Path(entry).name == "site-packages"]
    (packages / "pipecat.pth").write_text("\n".join([*ours, str(PIPECAT), ""]))
    return str(folder / "bin" / "python")
