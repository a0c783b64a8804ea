"""kill -9 of Mosquitto, of ingress, and of both at once, under load: what a device had acknowledged arrives,
once by its id and in order. The ledger is kept by a process that is not killed.

    tests/torture/broker_kills.py [--kills 50] [--victims mosquitto,ingress,both] [--seed S]

Before most kills the reader of the ring is stopped, so that thousands of records lie in it that nobody
has read. Two more victims: `unsynced` kills ingress and cuts off what its journal had not synced, as a power
cut would; `ring` deletes the ring's file, then kills ingress. Exits 0 only if all that holds, and prints
what it counted.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/box"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from box import Box, Ports  # noqa: E402  pylint: disable=wrong-import-position
from fleet import Fleet  # noqa: E402  pylint: disable=wrong-import-position
from ring_view import RingView  # noqa: E402  pylint: disable=wrong-import-position
from waiting import wait_for  # noqa: E402  pylint: disable=wrong-import-position

VICTIMS = {"mosquitto": ("mosquitto",), "ingress": ("ingress",), "both": ("ingress", "mosquitto"),
           "unsynced": ("ingress",), "ring": ("ingress",)}
# A lap of two seconds, so that old records lie everywhere; and one that holds what is not synced.
RING = {"unsynced": "128MiB"}
RING_DEFAULT = "8MiB"
# Of five kills so many find the reader stopped and this many records in the ring.
STOPPED_OF_FIVE = 4
UNDRAINED = 10_000
SYNC_INTERVAL_S = 9
# All alike, so that a record stands just where one of the lap before stood.
PAYLOAD_BYTES = 100


def flow(box, messages=1000):
    """Waits until so many more have been taken."""
    start = RingView(box.ring).taken
    wait_for(lambda: RingView(box.ring).taken > start + messages, "messages flow")


def stop_reader(box):
    """Stops ingress and waits until thousands lie in the ring; returns how many for sure."""
    box.processes["ingress"].signal(signal.SIGSTOP)
    ring = RingView(box.ring)
    stopped_at = ring.taken
    wait_for(lambda: ring.taken >= stopped_at + UNDRAINED, f"{UNDRAINED} records in the ring")
    return ring.taken - stopped_at


def delete_ring(box):
    """Deletes the ring's file under its producer, and waits until there is another one with messages in it."""
    box.ring.unlink()
    # Refused within a second, drained, made anew.
    wait_for(lambda: box.ring.exists() and RingView(box.ring).taken > 0, "a new ring")


class UnsyncedEnd:
    """What ingress's journal holds that no fdatasync covers. To be stopped or killed in the next few seconds: ingress syncs
    every SYNC_INTERVAL_S."""

    def __init__(self, box):
        self._directory = box.data_dir / "ingress/telemetry"
        count = self._syncs(box)
        wait_for(lambda: self._syncs(box) > count, "a sync")
        # It is shown up to a second late. All that is written from here on is not synced before the next one.
        self._newest, self._size = self._end()
        flow(box, 20_000)

    @staticmethod
    def _syncs(box):
        page = urllib.request.urlopen(f"http://{box.metrics('ingress')}/metrics", timeout=10).read().decode()
        found = re.search(r'sluice_journal_sync_seconds_count{journal="telemetry"} (\d+)', page)
        return int(found.group(1)) if found else 0

    def _end(self):
        newest = max(self._directory.glob("*.seg"))
        return newest, len(newest.read_bytes().rstrip(b"\0"))  # without what it is filled with ahead

    def cut_off(self):
        """To be called while ingress is dead."""
        for segment in self._directory.glob("*.seg"):
            if segment > self._newest:
                segment.unlink()
        with self._newest.open("r+b") as file:
            file.seek(self._size)
            file.write(bytes(self._newest.stat().st_size - self._size))


def kill(box, victim, undrained, chance):
    """One kill in full flow; returns how many records lay in the ring undrained for sure."""
    flow(box)
    time.sleep(chance.uniform(0, 0.2))  # not always in the same state
    if victim == "ring":
        delete_ring(box)
    names = VICTIMS[victim]
    end = UnsyncedEnd(box) if victim == "unsynced" else None
    undrained = stop_reader(box) if undrained else 0
    for name in names:
        box.processes[name].signal(signal.SIGKILL)
    if "ingress" not in names:
        box.processes["ingress"].signal(signal.SIGCONT)
    for name in names:
        wait_for(lambda name=name: not box.processes[name].running(), f"{name} is gone")
    if end:
        end.cut_off()
    # Either may come back first.
    for name in chance.sample(names, len(names)):
        box.start_one(name)
    return undrained


def run(victim, kills, devices, rate, seed, scratch, say=print):
    """Kills `victim` so often; returns (what was counted, what is not as promised)."""
    chance = random.Random(seed)
    ingress = ["journal.max_bytes=4GiB", "journal.hard_max_bytes=8GiB"]
    if victim == "unsynced":
        ingress.append(f"journal.sync_interval={SYNC_INTERVAL_S}s")
    settings = {"ingress": ingress, "plugin": [f"ring_bytes={RING.get(victim, RING_DEFAULT)}"]}
    box = Box(scratch / "data", Ports.free(), settings)
    box.start(names=("mosquitto", "registry", "ingress"))
    fleet = Fleet(box, scratch / "report.json", devices, rate, "--id-prefix", f"kill-{victim}", "--settle", "60s", "--payload-bytes", PAYLOAD_BYTES)
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
        **{key: report[key] for key in ("sent", "acknowledged", "received", "lost", "duplicates", "unprovoked_duplicates", "out_of_order")},
    }
    return counted, problems_of(counted, report, (scratch / "data/logs/ingress.log").read_text(errors="replace"))


def problems_of(counted, report, log):
    """What is not as promised."""
    problems = []
    if "nothing legible" in log:
        # Only damage makes holes, and nobody damaged anything.
        problems.append("the ring had holes")
    if counted["acknowledged"] == 0:
        problems.append("nothing was acknowledged")
    if counted["lost"]:
        problems.append(f"{counted['lost']} acknowledged messages did not arrive")
    if counted["out_of_order"]:
        problems.append(f"{counted['out_of_order']} messages arrived after a later one of their device")
    # Where the broker dies or closes a connection, a device sends again what it has no PUBACK of, and that may be there
    # already. Nothing else may come twice.
    if counted["unprovoked_duplicates"]:
        problems.append(f"{counted['unprovoked_duplicates']} messages arrived twice that were sent once")
    if report.get("gap_records") and counted["victim"] != "unsynced":
        problems.append(f"{report['gap_records']} records were lost by the journal")
    wanted = counted["kills"] * STOPPED_OF_FIVE // 5
    if counted["kills_with_undrained_records"] < wanted:
        problems.append(f"only {counted['kills_with_undrained_records']} kills found {UNDRAINED} undrained records")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of each victim (default: 50)")
    parser.add_argument("--victims", default="mosquitto,ingress,both", help=f"of {', '.join(VICTIMS)}")
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
