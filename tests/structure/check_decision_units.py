"""Checks that decision units know no gRPC, Paho, libcoap, RocksDB, flags or wall clock.

Reads the BUILD files for `decision_library` targets and follows the quoted includes of their sources
within the tree: usage check_decision_units.py ROOT.
"""

import pathlib
import re
import sys

FORBIDDEN = {
    r'#include [<"](grpc|grpcpp|grpc\+\+)/': "gRPC",
    r'#include "[^"]*\.grpc\.pb\.h"': "gRPC",
    r'#include [<"](mqtt/|MQTT)': "Paho MQTT",
    r"#include [<\"]coap": "libcoap",
    r'#include [<"]rocksdb/': "RocksDB",
    r'#include [<"]CLI/': "flags",
    r'#include [<"]absl/flags/': "flags",
    r"absl::Now\(\)|system_clock::now\(\)|\btime\(nullptr\)|gettimeofday": "the wall clock",
}


def decision_sources(build_file):
    """Yields the sources and headers of the decision_library targets of one BUILD file."""
    text = build_file.read_text()
    for block in re.findall(r"^decision_library\((.*?)^\)", text, re.MULTILINE | re.DOTALL):
        for attribute in ("srcs", "hdrs"):
            match = re.search(rf"\b{attribute} = \[(.*?)\]", block, re.DOTALL)
            for name in re.findall(r'"([^"]+)"', match.group(1) if match else ""):
                yield build_file.parent / name


def included(root, source):
    """Yields the files of the tree that one file includes."""
    for name in re.findall(r'^#include "([^"]+)"', source.read_text(), re.MULTILINE):
        path = root / name
        if path.is_file():
            yield path


def violations(root, source):
    """Yields what one file knows and may not, as (line number, what)."""
    for number, line in enumerate(source.read_text().splitlines(), start=1):
        code = line.split("//")[0]
        for pattern, what in FORBIDDEN.items():
            if re.search(pattern, code):
                yield number, what


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    pending = [source for build in sorted(root.glob("[a-z]*/**/BUILD.bazel"))
               for source in decision_sources(build)]
    origin = {source: source for source in pending}
    found = 0
    while pending:
        source = pending.pop()
        for number, what in violations(root, source):
            found += 1
            print(f"{source.relative_to(root)}:{number}: knows {what}, but the decision unit "
                  f"{origin[source].relative_to(root)} depends on it")
        for header in included(root, source):
            if header not in origin:
                origin[header] = origin[source]
                pending.append(header)
    print(f"{len(origin)} files of decision units checked, {found} violations")
    return 1 if found or not origin else 0


if __name__ == "__main__":
    sys.exit(main())
