#!/bin/sh
# The peers of scenarios: SIPp, baresip and Kamailio, as Debian and Ubuntu package them, and Pipecat, whose bots are
# called.
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
# The first package has every module of the proxy's configuration but TLS.
kamailio=
{ PATH="$PATH:/usr/sbin" command -v kamailio && ls /usr/lib/*/kamailio/modules/tls.so; } >/dev/null 2>&1 ||
  kamailio=" kamailio kamailio-tls-modules"
missing="$missing$kamailio"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "callgate: tests need SIPp, baresip and Kamailio in PATH; missing:$missing (names of Debian packages)" >&2
  exit 2
fi
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "callgate: tests need SIPp, baresip and Kamailio; as root: apt-get install --no-install-recommends$missing" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive
# The package would start a proxy of its own on port 5060, now and whenever the machine starts.
manages_services() { [ -n "$kamailio" ] && [ -d /run/systemd/system ]; }
if manages_services; then $as_root systemctl --quiet mask kamailio.service; fi
# shellcheck disable=SC2086 # words on purpose
$as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
  $as_root apt-get update -q >/dev/null && $as_root apt-get install -y -q --no-install-recommends $missing
} || {
  echo "callgate: could not install$missing; see apt-get's words above" >&2
  exit 2
}
if manages_services; then
  $as_root systemctl --quiet unmask kamailio.service
  $as_root systemctl --quiet disable kamailio.service
fi
