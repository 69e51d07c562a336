#!/bin/sh
# The peers that scenarios call from: SIPp and baresip, as Debian and Ubuntu package them. Quick when they are there.
set -eu

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
