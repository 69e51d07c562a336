#!/bin/sh
# Fuzz every parser of what comes from outside, one after the other: `fuzz.sh [seconds for each] [target …]`.
# What breaks one is left in .fuzz/TARGET/crash-…; see tests/fuzz/README.md.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
targets=${*:-$(cd tests/fuzz/corpus && ls)}

# Beside our own packages and not among them: nothing but this needs it.
atheris=.venv/atheris
if ! cmp -s locks/fuzz.txt "$atheris/installed.txt"; then
  echo "callgate: installing what locks/fuzz.txt names into $atheris"
  rm -rf "$atheris"
  .venv/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --only-binary :all: \
    --target "$atheris" -r locks/fuzz.txt || {
    echo "callgate: atheris has wheels for Linux on x86-64 only, CPython 3.11 to 3.13" >&2
    exit 2
  }
  cp locks/fuzz.txt "$atheris/installed.txt"
fi

found=0
for target in $targets; do
  echo "callgate: fuzzing $target for $seconds s"
  mkdir -p ".fuzz/$target"
  log=".fuzz/$target/log"
  if PYTHONPATH="$atheris:src${PYTHONPATH:+:$PYTHONPATH}" \
    .venv/bin/python -m "tests.fuzz.$target" -max_total_time="$seconds" >"$log" 2>&1; then
    grep -a '^#.*DONE' "$log" | tail -1
  else
    found=1
    tail -40 "$log"
  fi
done
exit $found
