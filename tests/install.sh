#!/usr/bin/env bash
# Installs the programs that tests need and Python does not bring: judges nobody here wrote, and tools to drive them.
# Debian packages need root; without it, what is missing is named and the tests that want it skip with that reason.
set -euo pipefail
cd "$(dirname "$0")"

# program:package
wanted=(newsboat:newsboat sfeed_update:sfeed tmux:tmux node:nodejs npm:npm ip:iproute2 unshare:util-linux openssl:openssl curl:curl)
missing=()
for pair in "${wanted[@]}"; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian packages: ${missing[*]}"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"; } >/dev/null
  else
    echo "not installed, their tests will skip: ${missing[*]}" >&2
  fi
fi

if [ -f readers/package.json ] && command -v npm >/dev/null; then
  npm --prefix readers install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
fi
