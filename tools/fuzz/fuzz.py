"""Fuzzes: builds the fuzz targets (or the one that is named) and runs each for a while.

A run starts from the seed corpus beside the target and from what earlier runs have learnt, which lies
below .sluice/fuzz/TARGET like the log and the findings. Exits 1 if there is a finding.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# What libFuzzer exits with at Ctrl-C.
INTERRUPTED = 72
# Of one input.
TIMEOUT_S = 10
# A finding's lines that are shown; the log has all.
SHOWN_LINES = 30
# The seed corpus stays small enough to be kept in the tree.
MAX_SEEDS = 99


class Target:
    """A fuzz target, and where it and its files lie."""

    def __init__(self, label):
        package, self.name = label.removeprefix("//").split(":")
        self.label = label
        self.binary = ROOT / ".bazel/fuzz-bin" / package / self.name
        self.seeds = ROOT / package / "fuzz_corpus"
        self.home = ROOT / ".sluice/fuzz" / self.name
        self.corpus = self.home / "corpus"
        self.findings = self.home / "findings"
        self.log = self.home / "log"

    def run(self, arguments, log):
        """Runs libFuzzer; returns its exit code."""
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory) as scratch:
            environment = {**os.environ, "TEST_TMPDIR": scratch, "ASAN_OPTIONS": "allow_addr2line=1",
                           "UBSAN_OPTIONS": "print_stacktrace=1"}
            with subprocess.Popen([self.binary, *arguments], env=environment, cwd=self.home,
                                  stdout=log, stderr=subprocess.STDOUT) as process:
                while True:
                    try:
                        return process.wait()
                    except KeyboardInterrupt:
                        # It was interrupted, too, and ends by itself.
                        continue


def find_targets(wanted):
    """All fuzz targets, or the one with this name or label."""
    query = ["bazel", "query", "--noshow_progress", 'attr(tags, "[\\[ ]fuzz[,\\]]", //...)']
    labels = subprocess.run(query, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    targets = [Target(label) for label in sorted(labels)]
    if wanted is None:
        return targets
    found = [target for target in targets if wanted in (target.name, target.label)]
    if not found:
        sys.exit(f"fuzz: there is no target {wanted}; there are: {' '.join(t.name for t in targets)}")
    return found


def build(targets):
    """Builds them; ends the process if that fails."""
    # The linker warns of the sanitizers' own symbols.
    command = ["bazel", "build", "--config=fuzz", "--ui_event_filters=-info", *(target.label for target in targets)]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit("fuzz: the build failed")


def fuzz(target, seconds):
    """Runs one target, says what came of it and returns libFuzzer's exit code."""
    for folder in (target.corpus, target.findings):
        folder.mkdir(parents=True, exist_ok=True)
    known = set(target.findings.iterdir())
    print(f"fuzz: {target.name} for {seconds} s; log: {target.log.relative_to(ROOT)}", file=sys.stderr)
    with open(target.log, "wb") as log:
        exit_code = target.run([
            target.corpus, target.seeds, f"-max_total_time={seconds}", f"-timeout={TIMEOUT_S}",
            # Grows the inputs sooner than by default: what breaks may need many steps.
            "-len_control=20", "-print_final_stats=1", f"-artifact_prefix={target.findings}/"], log)
    lines = target.log.read_text(errors="replace").splitlines()
    coverage = [line for line in lines if " cov: " in line]
    print("\n".join([f"{target.name}:", *coverage[-1:], *(line for line in lines if line.startswith("stat::"))]))
    if exit_code not in (0, INTERRUPTED):
        show_finding(target, lines, sorted(set(target.findings.iterdir()) - known))
    return exit_code


def show_finding(target, lines, reproducers):
    """Says what was found, where its input lies and how it is run again."""
    first = next((i for i, line in enumerate(lines) if re.search(r"^fuzz: |ERROR: |runtime error: ", line)), 0)
    shown = [line for line in lines[first:first + SHOWN_LINES] if not line.startswith("stat::")]
    print("\n".join(shown))
    for reproducer in reproducers:
        print(f"FOUND by {target.name}: {reproducer.relative_to(ROOT)}")
        print(f"again: {target.binary.relative_to(ROOT)} {reproducer.relative_to(ROOT)}")
    if not reproducers:
        print(f"FAILED: {target.name}, without an input; see {target.log.relative_to(ROOT)}")


def renew_seeds(target):
    """Makes the seed corpus anew: a few inputs that reach what the old one and all runs do.

    Those with a name of their own stay: each was chosen by somebody.
    """
    with tempfile.TemporaryDirectory() as merged, open(target.home / "merge.log", "wb") as log:
        exit_code = target.run(["-set_cover_merge=1", "-use_counters=0", f"-timeout={TIMEOUT_S}",
                                merged, target.seeds, target.corpus], log)
        found = sorted(pathlib.Path(merged).iterdir(), key=lambda path: (path.stat().st_size, path.name))
        if exit_code != 0 or not found:
            sys.exit(f"fuzz: no new seeds; see {target.home.relative_to(ROOT)}/merge.log")
        for seed in target.seeds.iterdir():
            if re.fullmatch("[0-9a-f]{40}", seed.name):
                seed.unlink()
        room = MAX_SEEDS - len(list(target.seeds.iterdir()))
        for seed in found[:room]:
            shutil.copyfile(seed, target.seeds / seed.name)
    count = len(list(target.seeds.iterdir()))
    print(f"fuzz: {count} seeds in {target.seeds.relative_to(ROOT)}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(prog="./sluice fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="how long for each target (default: 600)")
    parser.add_argument("--renew-seeds", action="store_true", help="then make the seed corpus anew")
    parser.add_argument("target", nargs="?", metavar="TARGET", help="its name or label (default: all)")
    options = parser.parse_args()

    targets = find_targets(options.target)
    build(targets)
    found = False
    for target in targets:
        exit_code = fuzz(target, options.seconds)
        if exit_code == INTERRUPTED:
            return 130
        found = found or exit_code != 0
        if options.renew_seeds and exit_code == 0:
            renew_seeds(target)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
