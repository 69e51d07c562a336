"""Which targets there are and where their corpus lies: a file with a `check` is a target."""

import importlib
from pathlib import Path
from typing import Final

from tests.fuzz.limits import Check

HERE: Final = Path(__file__).parent
TORTURE: Final = HERE.parent / "torture"
_FURTHER: Final = {"sip_message": (TORTURE / "rfc4475", TORTURE / "rfc5118")}
"""Messages that are kept elsewhere already."""


def targets() -> list[str]:
    """Their names, in order."""
    return sorted(folder.name for folder in (HERE / "corpus").iterdir() if folder.is_dir())


def check_of(target: str) -> Check:
    """The function of a target."""
    check: Check = importlib.import_module(f"tests.fuzz.{target}").check
    return check


def corpus_folders(target: str) -> list[Path]:
    """Where its inputs lie, the folder of its own first."""
    return [HERE / "corpus" / target, *_FURTHER.get(target, ())]


def corpus(target: str) -> list[Path]:
    """Its inputs, in order."""
    return [file for folder in corpus_folders(target) for file in sorted(folder.iterdir())]
