#!/bin/sh
# The plugin is loaded into a C program, with all its symbols visible to everybody there: it must export
# the plugin functions and nothing else, and need libc and nothing else.
set -eu
plugin=$1
if nm -D "$plugin" | grep -q __asan_init; then
  echo "built with sanitizers: not the plugin that is shipped"
  exit 0
fi
exported=$(nm -D --defined-only "$plugin" | awk '{print $3}' | sort | tr '\n' ' ')
[ "$exported" = "mosquitto_plugin_cleanup mosquitto_plugin_init mosquitto_plugin_version " ] ||
  { echo "exports: $exported"; exit 1; }
needed=$(readelf -d "$plugin" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | tr '\n' ' ')
[ "$needed" = "libc.so.6 " ] || { echo "needs the libraries: $needed"; exit 1; }
if nm -D --undefined-only "$plugin" | grep -E ' (_Z|__cxa_[^f]|__gxx_|_Unwind_|malloc|calloc|realloc|pthread_)'; then
  echo "needs the above"
  exit 1
fi
