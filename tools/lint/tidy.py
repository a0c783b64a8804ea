"""Runs clang-tidy (.clang-tidy) over our C++ but for tests: what was changed last comes first.

A file that is clean is not looked at again until it, a file of ours that it includes, or the
configuration changes. No more files are begun after --seconds: what is left is said, and is the next
run's. Exits 1 if there is anything to mend.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = pathlib.Path(os.environ.get("SLUICE_TOOLS", pathlib.Path.home() / ".cache/sluice/tools"))
# An empty file for each state of a source that is clean, named by its hash.
CLEAN = TOOLS / "tidy"
# One that was not asked for as long as this is forgotten.
KEEP_S = 30 * 24 * 3600
TIDY = "clang-tidy-14"
FLAGS = ["-std=c++17", "-w", "-I.", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_SHARED_LIB", "-DSPDLOG_FMT_EXTERNAL"]


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def sources():
    """Our sources but for tests: those not committed first, then by their newest commit."""
    pattern = "*.cc"
    there = git("ls-files", "--cached", "--others", "--exclude-standard", "--", pattern)
    newest_first = [*git("ls-files", "--modified", "--others", "--exclude-standard", "--", pattern),
                    *git("log", "--format=", "--name-only", "--", pattern), *there]
    wanted = {name for name in there if not name.endswith("_test.cc") and (ROOT / name).exists()}
    return [name for name in dict.fromkeys(newest_first) if name in wanted]


def generate(folder):
    """Makes the headers of our protos, and of those that they import."""
    rpc = next(TOOLS.glob("venv/lib/python3*/site-packages"))
    protos = [str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto")]
    protos += [str(path.relative_to(rpc)) for path in (rpc / "google/rpc").glob("*.proto") if path.stem in ("code", "error_details", "status")]
    subprocess.run(["protoc", "-I.", "-I/usr/include", f"-I{rpc}", f"--cpp_out={folder}", f"--grpc_out={folder}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin", *protos], cwd=ROOT / "proto", check=True)


class Hashes:
    """Hashes of sources together with all of ours that they include."""

    def __init__(self, base):
        self.base = base
        self.included = {}

    def includes(self, name):
        """Files of the tree that one file includes: a generated header counts as its proto."""
        if name not in self.included:
            found = set()
            for include in re.findall(r'^#include "([^"]+)"', (ROOT / name).read_text(), re.MULTILINE):
                for path in (include, "proto/" + re.sub(r"(\.grpc)?\.pb\.h$", ".proto", include)):
                    if (ROOT / path).is_file():
                        found.add(path)
            self.included[name] = found
        return self.included[name]

    def of(self, name):
        seen, pending = set(), [name]
        while pending:
            one = pending.pop()
            if one not in seen:
                seen.add(one)
                pending += self.includes(one)
        digest = hashlib.sha256(self.base)
        for one in sorted(seen):
            digest.update(f"{one}\n".encode() + hashlib.sha256((ROOT / one).read_bytes()).digest())
        return digest.hexdigest()


def forget_old():
    for path in CLEAN.iterdir():
        if time.time() - path.stat().st_mtime > KEEP_S:
            path.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240, help="begin no file after so long (default: 240)")
    parser.add_argument("file", nargs="*", help="these alone (default: all)")
    options = parser.parse_args()

    CLEAN.mkdir(parents=True, exist_ok=True)
    forget_old()
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    hashes = Hashes(version + (ROOT / ".clang-tidy").read_bytes() + " ".join(FLAGS).encode())
    pending = []
    for name in options.file or sources():
        mark = CLEAN / hashes.of(name)
        if mark.exists():
            mark.touch()
        else:
            pending.append((name, mark))
    if not pending:
        return 0

    begin = time.monotonic()
    print(f"tidy: {len(pending)} files to look at", file=sys.stderr)
    with tempfile.TemporaryDirectory() as generated, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        generate(generated)

        def look_at(name, mark):
            """Returns whether it is clean; None if the time is over."""
            if time.monotonic() - begin > options.seconds:
                return None
            result = subprocess.run([TIDY, "--quiet", "--config-file=.clang-tidy", name, "--", *FLAGS, "-isystem", generated],
                                    cwd=ROOT, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if result.returncode == 0:
                mark.touch()
                return True
            print(result.stdout or result.stderr, end="", flush=True)
            return False

        results = list(pool.map(lambda job: look_at(*job), pending))
    left = results.count(None)
    if left:
        print(f"tidy: NOT LOOKED AT: {left} files, those changed longest ago, since {options.seconds:.0f} s were over; "
              "the next run goes on there (tools/lint/tidy.py --seconds 100000: now)", file=sys.stderr)
    return 1 if False in results else 0


if __name__ == "__main__":
    sys.exit(main())
