"""Run one target under atheris: ``python -m tests.fuzz TARGET [options of libFuzzer] [folders]``.

Without a folder, the corpus of the repository is where it begins, and nothing is written there: what it finds on the
way is kept beside it, in `.fuzz/TARGET/`, where an input that breaks something is left too.
"""

import importlib
import sys
from pathlib import Path

import atheris

from tests.fuzz.limits import INPUT_BYTES_MAX, Check
from tests.fuzz.targets import corpus_folders

HERE = Path(__file__).parent
SECONDS_MAX = 5  # under instrumentation and on a busy machine; `limits.SECONDS_MAX` is for everyday


def main() -> None:
    """Instrument, import, fuzz; ends the process."""
    target, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["callgate.core", "callgate.entities"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    check: Check = module.check
    scratch = Path(".fuzz") / target
    (scratch / "found").mkdir(parents=True, exist_ok=True)
    folders = [option for option in options if not option.startswith("-")]
    if not folders:
        options += [str(scratch / "found"), *map(str, corpus_folders(target))]
    atheris.Setup(
        [
            target,
            f"-artifact_prefix={scratch}/",
            f"-dict={HERE / 'words.dict'}",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-timeout={SECONDS_MAX}",
            "-rss_limit_mb=1024",
            "-use_value_profile=1",
            *options,
        ],
        check,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
