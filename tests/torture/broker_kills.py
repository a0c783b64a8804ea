"""kill -9 of Mosquitto, of ingress, and of both at once, under load: what a device had acknowledged arrives,
once by its id and in order. The ledger is kept by a process that is not killed.

    tests/torture/broker_kills.py --kills 50 [--victims mosquitto,ingress,both] [--seed S]

Before most kills the reader of the ring is stopped, so that thousands of records lie in it that nobody
has read. Exits 0 only if all that holds, and prints what it counted.
"""

import argparse
import json
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/box"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from box import Box, Ports  # noqa: E402  pylint: disable=wrong-import-position
from fleet import Fleet  # noqa: E402  pylint: disable=wrong-import-position
from ring_view import RingView  # noqa: E402  pylint: disable=wrong-import-position

VICTIMS = {"mosquitto": ("mosquitto",), "ingress": ("ingress",), "both": ("ingress", "mosquitto")}
# Of five kills so many find the reader stopped and this many records in the ring.
STOPPED_OF_FIVE = 4
UNDRAINED = 10_000
PATIENCE_S = 60


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.005)


def kill(box, victim, undrained, chance):
    """One kill in full flow; returns how many records lay in the ring undrained for sure."""
    before = RingView(box.ring)
    start = before.taken
    wait_for(lambda: RingView(box.ring).taken > start + 1000, "messages flow")
    time.sleep(chance.uniform(0, 0.2))  # not always in the same state
    if undrained:
        box.processes["ingress"].signal(signal.SIGSTOP)
        ring = RingView(box.ring)
        stopped_at = ring.taken
        wait_for(lambda: ring.taken >= stopped_at + UNDRAINED, f"{UNDRAINED} records in the ring")
        undrained = ring.taken - stopped_at
    names = VICTIMS[victim]
    for name in names:
        box.processes[name].signal(signal.SIGKILL)
    if "ingress" not in names:
        box.processes["ingress"].signal(signal.SIGCONT)
    for name in names:
        wait_for(lambda name=name: not box.processes[name].running(), f"{name} is gone")
    # Either may come back first.
    for name in chance.sample(names, len(names)):
        box.start_one(name)
    return undrained


def run(victim, kills, devices, rate, seed, scratch, say=print):
    """Kills `victim` so often; returns (what was counted, what is not as promised)."""
    chance = random.Random(seed)
    box = Box(scratch / "data", Ports.free(), {"ingress": ["journal.max_bytes=4GiB", "journal.hard_max_bytes=8GiB"]})
    box.start(names=("mosquitto", "registry", "ingress"))
    fleet = Fleet(box, scratch / "report.json", devices, rate, "--id-prefix", f"kill-{victim}", "--settle", "60s")
    undrained = []
    try:
        for number in range(kills):
            stop_the_reader = number % 5 < STOPPED_OF_FIVE
            undrained.append(kill(box, victim, stop_the_reader, chance))
            if not fleet.running():
                raise RuntimeError(f"the fleet ended: {''.join(fleet.words)}")
            if number % 10 == 9:
                say(f"  {victim}: {number + 1} of {kills} kills, {fleet.acknowledged:,} acknowledged")
        report = fleet.stop()
    finally:
        if fleet.running():
            fleet.kill()
        box.stop()
    counted = {
        "victim": victim, "kills": kills, "kills_with_undrained_records": sum(n >= UNDRAINED for n in undrained),
        **{key: report[key] for key in ("sent", "acknowledged", "received", "lost", "duplicates", "out_of_order")},
    }
    return counted, problems_of(counted, report)


def problems_of(counted, report):
    """What is not as promised."""
    problems = []
    if counted["acknowledged"] == 0:
        problems.append("nothing was acknowledged")
    if counted["lost"]:
        problems.append(f"{counted['lost']} acknowledged messages did not arrive")
    if counted["out_of_order"]:
        problems.append(f"{counted['out_of_order']} messages arrived after a later one of their device")
    if counted["victim"] == "ingress" and counted["duplicates"]:
        # Where the broker dies, a device sends again what it has no PUBACK of: that may be there already.
        problems.append(f"{counted['duplicates']} messages arrived twice, though no device sent twice")
    if report.get("gap_records"):
        problems.append(f"{report['gap_records']} records were lost by the journal")
    wanted = counted["kills"] * STOPPED_OF_FIVE // 5
    if counted["kills_with_undrained_records"] < wanted:
        problems.append(f"only {counted['kills_with_undrained_records']} kills found {UNDRAINED} undrained records")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of each victim (default: 50)")
    parser.add_argument("--victims", default="mosquitto,ingress,both")
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--rate", type=int, default=20_000, help="messages a second over all devices (default: 20000)")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    flags = parser.parse_args()
    print(f"seed {flags.seed}")
    failed = False
    for victim in flags.victims.split(","):
        scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-torture-"))
        counted, problems = run(victim, flags.kills, flags.devices, flags.rate, flags.seed, scratch)
        print(json.dumps(counted))
        for problem in problems:
            print(f"  FAILED: {problem}; data in {scratch}")
        if not problems:
            shutil.rmtree(scratch)
        failed = failed or bool(problems)
    print("FAILED" if failed else "OK: every acknowledged message arrived, once by its id and in order")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
