#!/bin/sh
# Set a checkout up: `setup.sh run` for what `make run` needs, `setup.sh test` for a developer's machine besides.
# Everything comes from the lock files as wheels, checked by hash; no compiler is ever needed.
set -eu
cd "$(dirname "$0")/.."
purpose=${1:-run}
python=${PYTHON:-python3}

fail() { echo "callgate: $*" >&2; exit 2; }

command -v "$python" >/dev/null 2>&1 || fail "no $python found; expected Python 3.11 or newer (make PYTHON=/path/to/python3.11 …)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version 2>&1) is too old; expected Python 3.11 or newer (make PYTHON=/path/to/python3.11 …)"
if [ ! -x .venv/bin/python ]; then
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "this Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"
  "$python" -m venv .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }
from_lock() { pip install --require-hashes --only-binary :all: -r "$1"; }

# The speech engine of the demo agent has wheels for some Pythons only. Without it the agent speaks its stock prompts.
without_speech() {
  awk '/^[^ #]/ { keep = !/^(pocketsphinx|sounddevice)==/ } keep' "$1" > .venv/lock-without-speech.txt
  from_lock .venv/lock-without-speech.txt
}

case $purpose in
  run) lock=locks/demo.txt ;;
  test) lock=locks/dev.txt ;;
  *) fail "unknown purpose $purpose; expected run or test" ;;
esac
stamp=.venv/installed-$purpose
wanted=$(cat pyproject.toml "$lock" | cksum)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ]; then
  echo "callgate: installing what $lock names into .venv"
  if ! from_lock "$lock" 2> .venv/install.log; then
    without_speech "$lock" 2>> .venv/install.log || {
      cat .venv/install.log >&2
      fail "the packages of $lock could not be installed; see above"
    }
    echo "callgate: no speech recognition for $("$python" --version 2>&1); the demo agent will understand keys only"
  fi
  pip install --no-deps --editable .
  echo "$wanted" > "$stamp"
fi
