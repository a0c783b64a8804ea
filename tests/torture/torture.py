"""The torture machine: a whole box under load, to which one thing after another happens. What was acknowledged must be
there in the end, with the readings that were sent, in order for each device, and nothing else.

    ./sluice torture --minutes 2 --seed 1

A round is a box of its own that suffers 22 faults, drawn by its seed, which takes about 40 s; the next round's seed is one higher.
A run that did too little does not count: it fails. A round that failed prints its seed, with which it does the same again. docs/reliability.md
says what is promised, and what is tried here. Power cuts and full disks need root; without it, that is said, and they are left out.
"""

import argparse
import collections
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tools/box"), str(ROOT / "tests/integration")]

import faults  # noqa: E402  pylint: disable=wrong-import-position
import storage  # noqa: E402  pylint: disable=wrong-import-position
from process import StartFailed  # noqa: E402  pylint: disable=wrong-import-position
from stage import KINDS, Stage  # noqa: E402  pylint: disable=wrong-import-position

# What a round takes on a machine with nothing else to do.
ROUND_S = 40
FAULTS = 22
# It is worth a word if messages flow only so long after a fault was healed.
LONG_S = 5
RATE, LEAST_RATE = 500, 100
# A run does not count with less than this a minute.
FLOORS = {"kills": 7, "kills at failpoints": 0.5, "acknowledged": 5000, "redelivered": 20, "dropped": 20, "insights": 100}
FLOORS_WITH_ROOT = {"power cuts": 0.9, "full disks": 0.5}


def play(seed, kind, rate, scratch, say):
    """One round; returns (what was counted, what is not as promised)."""
    chance = random.Random(seed)
    stage = Stage(scratch, kind, rate)
    history, started = [], time.monotonic()

    def note(what):
        history.append(f"{time.monotonic() - started:6.1f} s  {what}")
        say(f"    {history[-1]}")

    def suffer(fault):
        note(fault.name)
        fault.inject(stage)
        time.sleep(fault.stays_s)
        fault.heal(stage)
        stage.revive()
        healed = time.monotonic()
        last = stage.await_flow()
        if time.monotonic() - healed > LONG_S:
            note(f"messages of every kind flow again; the last: {last}")

    try:
        stage.start()
        suffer(faults.its_own(chance, kind))
        for _ in range(FAULTS - 2):
            suffer(faults.draw(chance, kind))
        suffer(faults.its_own(chance, kind))
        note("nothing new is sent")
        stage.drain()
        note("all has arrived")
        stage.judge()
    except (StartFailed, RuntimeError, AssertionError, OSError, grpc.RpcError, subprocess.SubprocessError) as error:
        stage.problems.append(f"{type(error).__name__}: {error}")
    finally:
        stage.close()
    (scratch / "faults.txt").write_text("\n".join(history) + "\n")
    return stage.counts, stage.problems


def run(seed, minutes, rate=RATE, say=print, only=None, verbose=False):
    """All rounds; returns (what was counted, what is not as promised)."""
    with tempfile.TemporaryDirectory() as probe:
        why_not = storage.why_no_mounts(pathlib.Path(probe))
    kinds = ["plain", "overload"] if why_not else ["image", "disk", "overload"]
    if why_not:
        say(f"NO POWER CUTS AND NO FULL DISKS: {why_not}. In their place the journal's tests on a disk in memory that loses what "
            "was not synced.")
    counts, problems = collections.Counter(), []
    if why_not:
        problems += crash_tests()
    for number in range(max(1, round(minutes * 60 / ROUND_S))):
        round_seed = seed + number
        kind = only or kinds[round_seed % len(kinds)]
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-torture-"))
        counted, wrong = play(round_seed, kind, rate, scratch, say if verbose else lambda line: None)
        counts += counted
        say(f"  round {round_seed} ({kind}): {counted['kills']} kills, {counted['power cuts']} power cuts, "
            f"{counted['acknowledged']:,} acknowledged, {counted['redelivered']:,} redelivered"
            f"{', FAILED' if wrong else ''}")
        if wrong:
            problems += [f"seed {round_seed}: {line}" for line in wrong]
            problems.append(f"seed {round_seed}: again with ./sluice torture --rounds 1 --kind {kind} --seed {round_seed}; what "
                            f"happened, and all data: {scratch}")
        else:
            shutil.rmtree(scratch)
    floors = {**FLOORS, **({} if why_not else FLOORS_WITH_ROOT)}
    return counts, problems + ([] if only else too_little(counts, floors, minutes))


def too_little(counts, floors, minutes):
    """A run of less than two minutes is a look at one round, and may lack some kind; so does a run of one kind."""
    if minutes < 2:
        return []
    return [f"only {counts[what]} {what}: the run does not count with less than {floor * minutes:.0f}"
            for what, floor in floors.items() if counts[what] < floor * minutes]


def crash_tests():
    command = ["bazel", "test", "--runs_per_test=10", "//libs/journal:crash_test"]
    return [] if subprocess.run(command, cwd=ROOT, check=False).returncode == 0 else ["//libs/journal:crash_test"]


def end_in_order(*_):
    """What was mounted and started is ended, too, however often we are told."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def main():
    parser = argparse.ArgumentParser(prog="./sluice torture", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=2, help="how long, the rounds' beginnings and ends not counted (default: 2)")
    length.add_argument("--rounds", type=int, help="so many rounds instead")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30), help="default: a random one")
    parser.add_argument("--rate", type=int, default=RATE, help=f"messages a second over all devices (default: {RATE})")
    parser.add_argument("--kind", choices=KINDS, help="of all rounds (default: by the seed)")
    parser.add_argument("--verbose", action="store_true", help="say everything that happens")
    flags = parser.parse_args()
    if flags.minutes <= 0 or (flags.rounds is not None and flags.rounds < 1) or flags.rate < LEAST_RATE:
        parser.error(f"--minutes must be more than 0, --rounds at least 1, --rate at least {LEAST_RATE}")
    minutes = flags.rounds * ROUND_S / 60 if flags.rounds else flags.minutes
    signal.signal(signal.SIGTERM, end_in_order)
    print(f"seed {flags.seed}", flush=True)
    say = lambda line: print(line, flush=True)  # noqa: E731
    counts, problems = run(flags.seed, minutes, flags.rate, say, flags.kind, flags.verbose)
    for what, count in sorted(counts.items()):
        print(f"  {what:45} {count:10,}")
    for problem in problems:
        print(f"FAILED: {problem}")
    if not problems:
        print("OK: what was acknowledged is there, once it was sent, as it was sent, in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
