#!/usr/bin/env bash
# Builds the Abseil of this machine once more, with the thread sanitizer: absl_tsan.sh VERSION TARGET,
# from Debian's source package of that version into TARGET/lib. Needs no root.
set -euo pipefail

version=$1
target=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The machine's own mirrors, for sources; lists and caches of apt are its own.
apt-get indextargets --format \
  "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
  'Created-By: Packages' 'Origin: Debian' >sources.list
mkdir -p lists/partial cache/archives/partial
apt=(apt-get -q -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache")
"${apt[@]}" update
"${apt[@]}" source "abseil=$version"

# Debian's settings, and the sanitizer.
cmake -S abseil-*/ -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=g++ -DCMAKE_CXX_STANDARD=17 \
  -DBUILD_SHARED_LIBS=ON -DCMAKE_CXX_FLAGS=-fsanitize=thread \
  -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$work/lib" -DCMAKE_BUILD_RPATH_USE_ORIGIN=ON
cmake --build build --parallel "$(nproc)"

rm -rf "$target"
mkdir -p "$target"
mv lib "$target/lib"
printf '%s' "$version" >"$target/version"
