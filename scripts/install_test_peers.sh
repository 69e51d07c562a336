#!/bin/sh
# The peers of scenarios: SIPp and baresip, as Debian and Ubuntu package them, and Pipecat, whose bots are called.
# Quick when they are there.
set -eu
cd "$(dirname "$0")/.."

# Beside our own packages and not among them: only the bot, a program of its own, is to find it.
pipecat=.venv/pipecat
if ! cmp -s locks/pipecat.txt "$pipecat/installed.txt"; then
  echo "callgate: installing what locks/pipecat.txt names into $pipecat"
  rm -rf "$pipecat"
  .venv/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --only-binary :all: \
    --target "$pipecat" -r locks/pipecat.txt
  cp locks/pipecat.txt "$pipecat/installed.txt"
fi

missing=
command -v sipp >/dev/null 2>&1 || missing=" sip-tester"
command -v baresip >/dev/null 2>&1 || missing="$missing baresip-core"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "callgate: tests need SIPp and baresip in PATH; missing:$missing (names of Debian packages)" >&2
  exit 2
fi
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "callgate: tests need SIPp and baresip; as root: apt-get install --no-install-recommends$missing" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words on purpose
$as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
  $as_root apt-get update -q >/dev/null && $as_root apt-get install -y -q --no-install-recommends $missing
} || {
  echo "callgate: could not install$missing; see apt-get's words above" >&2
  exit 2
}
