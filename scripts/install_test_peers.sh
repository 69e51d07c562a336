#!/bin/sh
# The peers of scenarios: SIPp, baresip and Kamailio, as Debian and Ubuntu package them, and Pipecat, whose bots are
# called; and PostgreSQL, for the tests of the store.
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
postgresql=
{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } >/dev/null 2>&1 || postgresql=" postgresql"
missing="$missing$kamailio$postgresql"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "callgate: tests need SIPp, baresip, Kamailio and PostgreSQL in PATH; missing:$missing (names of Debian packages)" >&2
  exit 2
fi
if [ "$(id -u)" = 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  as_root="sudo -n"
else
  echo "callgate: tests need SIPp, baresip, Kamailio and PostgreSQL; as root: apt-get install --no-install-recommends$missing" >&2
  exit 2
fi
export DEBIAN_FRONTEND=noninteractive
# The packages would start a proxy on port 5060 and a server on port 5432, now and whenever the machine starts. The
# tests run their own.
services="${kamailio:+kamailio.service}${postgresql:+ postgresql.service}"
manages_services() { [ -n "$services" ] && [ -d /run/systemd/system ]; }
# shellcheck disable=SC2086 # words on purpose
if manages_services; then $as_root systemctl --quiet mask $services; fi
# shellcheck disable=SC2086 # words on purpose
$as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
  $as_root apt-get update -q >/dev/null && $as_root apt-get install -y -q --no-install-recommends $missing
} || {
  echo "callgate: could not install$missing; see apt-get's words above" >&2
  exit 2
}
if manages_services; then
  # shellcheck disable=SC2086 # words on purpose
  { $as_root systemctl --quiet unmask $services; $as_root systemctl --quiet disable $services; }
fi
