#!/bin/sh
# The producer's side must link into a C program: fails if any of the given archives needs a symbol
# of a C++ runtime library.
found=0
for archive in "$@"; do
  case "$archive" in *.a) ;; *) continue ;; esac
  found=$((found + 1))
  if nm -u "$archive" | grep -E ' U (_ZS|_ZNS|_ZNKS|_ZN[0-9]+__cxx|_Zn|_Zd|_ZTV|__cxa_|__gxx_|_Unwind_|malloc|free$)'; then
    echo "$archive needs the above"
    exit 1
  fi
done
[ "$found" -ge 4 ] || { echo "only $found archives given"; exit 1; }
