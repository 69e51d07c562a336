"""Render the demo agent's prompts with flite (or espeak-ng) and sox: 8,000 Hz, 16 bits, mono WAV.

    python scripts/render_prompts.py

The files are shipped with the package, so this is run only when a text of `callgate.brains.prompt.TEXTS` changes.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from callgate.brains.prompt import TEXTS

FOLDER = Path(__file__).parent.parent / "src" / "callgate" / "brains" / "prompts"
# Silence is cut at both ends, so that words join into a sentence; a prompt that is a sentence keeps a breath after it.
TRIM = ["silence", "1", "0.01", "0.5%", "reverse", "silence", "1", "0.01", "0.5%", "reverse"]


def render(text: str, target: Path) -> None:
    """Speak `text` into the file `target`."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as spoken:
        if shutil.which("flite"):
            command = ["flite", "-voice", "slt", "-t", text, "-o", spoken.name]
        else:
            command = ["espeak-ng", "-w", spoken.name, text]
        subprocess.run(command, check=True)
        breath = "0.2" if " " in text and text.endswith((".", "?")) else "0.04"
        subprocess.run(
            ["sox", "-R", spoken.name, "-r", "8000", "-b", "16", "-c", "1", str(target)]
            + [*TRIM, "norm", "-6", "pad", "0", breath],
            check=True,
        )


def main() -> None:
    """Render every prompt, and drop files that have no text."""
    if not shutil.which("sox") or not (shutil.which("flite") or shutil.which("espeak-ng")):
        sys.exit("sox is needed, and flite or espeak-ng")
    FOLDER.mkdir(exist_ok=True)
    for stale in FOLDER.glob("*.wav"):
        if stale.stem not in TEXTS:
            stale.unlink()
    for name, text in TEXTS.items():
        render(text, FOLDER / f"{name}.wav")
    size = sum(file.stat().st_size for file in FOLDER.glob("*.wav"))
    print(f"{len(TEXTS)} prompts, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
