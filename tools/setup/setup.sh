#!/usr/bin/env bash
# Installs what Sluice needs: setup.sh GROUP... with the groups build, test, lint, bench, fuzz and tsan
# of debian-packages.txt. Idempotent and quick when there is nothing to do. Says what it does.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${SLUICE_TOOLS:-$HOME/.cache/sluice/tools}
grpcurl_version=v1.9.1

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "needs root for: $*"
    say "run it as root, or install sudo"
    return 1
  fi
}

# Debian starts a service when its package is installed. A policy file keeps Mosquitto's from
# being started (the demo and `up` run a broker of their own); it is there for that long only.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    as_root "$@"
    return
  fi
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  as_root "$@"
  as_root rm -f "$policy"
  trap - EXIT
}

# Shows every fiftieth line of what apt-get does: it takes minutes.
apt_progress() {
  local line count=0
  while read -r line; do
    case $line in
      Get:* | Unpacking* | "Setting up"*)
        count=$((count + 1))
        if [ $((count % 50)) -eq 0 ]; then say "  $line"; fi
        ;;
    esac
  done
}

debian_packages() {
  local group package missing=()
  for group in "$@"; do
    while read -r package; do
      dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
    done < <(sed 's/#.*//' "$here/debian-packages.txt" | awk -v group="$group" '$1 == group { print $2 }')
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing from Debian: ${missing[*]}"
  as_root apt-get update -qq
  without_starting_services env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}" | apt_progress
}

python_packages() {
  local wanted="$here/requirements.txt" done_mark="$tools/venv/requirements.txt"
  cmp -s "$wanted" "$done_mark" && return 0
  say "installing Python packages into $tools/venv: $(sed 's/#.*//' "$wanted" | xargs)"
  /usr/bin/python3 -m venv --clear --system-site-packages "$tools/venv"
  "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$done_mark"
}

npm_packages() {
  local wanted="$here/package.json" done_mark="$tools/node_modules/package.json"
  cmp -s "$wanted" "$done_mark" && return 0
  command -v npm >/dev/null || debian_packages npm
  say "installing buildifier, buf and mqtt.js into $tools"
  cp "$wanted" "$tools/package.json"
  npm install --loglevel=error --no-audit --no-fund --prefix "$tools" >/dev/null
  cp "$wanted" "$done_mark"
}

grpcurl() {
  [ -x "$tools/bin/grpcurl-$grpcurl_version" ] && return 0
  if ! command -v go >/dev/null; then
    say "SKIPPED: grpcurl (no Go on this machine); the tests that use it will be skipped"
    return 0
  fi
  say "installing grpcurl $grpcurl_version into $tools/bin"
  if ! GOBIN="$tools/bin" GOFLAGS=-mod=mod go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$grpcurl_version" >"$tools/grpcurl.log" 2>&1; then
    say "SKIPPED: grpcurl could not be installed ($tools/grpcurl.log says why); the tests that use it will be skipped"
    return 0
  fi
  mv "$tools/bin/grpcurl" "$tools/bin/grpcurl-$grpcurl_version"
  ln -sf "grpcurl-$grpcurl_version" "$tools/bin/grpcurl"
}

# What the thread sanitizer does not see into it takes for races.
instrumented_absl() {
  local version target="$tools/absl-tsan"
  # shellcheck disable=SC2016  # dpkg-query's own variable
  version=$(dpkg-query -W -f='${source:Version}' libabsl-dev)
  [ "$(cat "$target/version" 2>/dev/null)" != "$version" ] || return 0
  say "building Abseil $version with the thread sanitizer into $target (about two minutes)"
  "$here/absl_tsan.sh" "$version" "$target" >"$tools/absl-tsan.log" 2>&1 ||
    say "SKIPPED: there is no Abseil for the thread sanitizer ($tools/absl-tsan.log says why); ./sluice tsan will test nothing"
}

mkdir -p "$tools/bin"
debian_packages "$@"
for group in "$@"; do
  case $group in
    build) python_packages ;;
    test) grpcurl ;;
    lint) npm_packages ;;
    bench) npm_packages || say "SKIPPED: mqtt.js could not be installed; benchmarks go without it" ;;
    fuzz) ;;
    tsan) instrumented_absl ;;
    *) say "unknown group: $group" && exit 2 ;;
  esac
done
