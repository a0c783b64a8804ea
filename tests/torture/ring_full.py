"""The ring stays full while thousands of devices with Wills come back all the time: the broker's CPU is bounded,
nothing acknowledged is lost, no device is taken for gone, and the full rate is back within seconds.

    tests/torture/ring_full.py [--how disk|stopped] [--devices 5000] [--rate 5000] [--seconds 60]

`disk`: ingress's disk is full meanwhile, and ingress has the plugin refuse; its data lie in a small file system in memory,
which needs root to be mounted. `stopped`: ingress is stopped (SIGSTOP), and the ring runs full by itself; the registry then
rightly takes the devices for UNKNOWN, but for OFFLINE none. Exits 0 only if all that holds.
"""

import argparse
import json
import os
import pathlib
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
from storage import SmallDisk  # noqa: E402  pylint: disable=wrong-import-position
from waiting import PATIENCE_S, wait_for  # noqa: E402  pylint: disable=wrong-import-position

DISK_MIB = 512
RING = "4MiB"
# The plugin pauses the broker for a fifth of its time.
CPU_LIMIT = 0.85
BACK_WITHIN_S = 5.0


class StoppedReader:
    """Ingress, stopped while fill() is in force."""

    def __init__(self, box):
        self._box = box

    def fill(self):
        self._box.processes["ingress"].signal(signal.SIGSTOP)

    def free(self):
        self._box.processes["ingress"].signal(signal.SIGCONT)


def statuses(box):
    """{status: devices} as the registry knows it."""
    page = urllib.request.urlopen(f"http://{box.metrics('registry')}/metrics", timeout=10).read().decode()
    return {status: int(count) for status, count in re.findall(r'sluice_devices{status="(\w+)"} (\d+)', page)}


def count(box, status):
    return sum(devices for name, devices in statuses(box).items() if name.lower() == status)


def run(how, devices, rate, seconds, scratch):
    """Returns (what was counted, what is not as promised)."""
    disk = SmallDisk(scratch / "data/ingress", DISK_MIB) if how == "disk" else None
    settings = {"plugin": [f"ring_bytes={RING}", "no_reader_grace_s=3600"],
                "ingress": ["journal.max_bytes=256MiB", "journal.hard_max_bytes=384MiB"]}
    box = Box(scratch / "data", Ports.free(), settings)
    fleet = None
    try:
        box.start(names=("mosquitto", "registry", "ingress"))
        fleet = Fleet(box, scratch / "report.json", devices, rate, "--reconnect-delay", "100ms", "--settle", "60s",
                      "--connect-timeout", "60s", "--id-prefix", "full")
        wait_for(lambda: count(box, "online") == devices, "every device is online")
        before = fleet.acknowledged
        wait_for(lambda: fleet.acknowledged > before + 2 * rate, "messages flow")
        counted = stay_full(box, fleet, disk or StoppedReader(box), devices, seconds)
        counted["back_after_s"] = come_back(fleet, rate)
        if how == "stopped":
            wait_for(lambda: count(box, "online") == devices, "every device is online again")
        counted["online_afterwards"] = count(box, "online")
        report = fleet.stop()
        counted.update({key: report[key] for key in ("sent", "acknowledged", "received", "lost", "out_of_order")})
    finally:
        if fleet and fleet.running():
            fleet.kill()
        if "ingress" in box.processes:
            box.processes["ingress"].signal(signal.SIGCONT)
        box.stop()
        if disk:
            disk.close()
    return counted, problems_of(how, counted, devices)


def stay_full(box, fleet, cause, devices, seconds):
    """Keeps messages from being taken for so long; returns what was seen meanwhile."""
    cause.fill()
    refused = lambda: sum(RingView(box.ring).refused().values())  # noqa: E731
    wait_for(lambda: refused() > 0, "the plugin refuses")
    broker = box.processes["mosquitto"]
    acknowledged, refused_before = fleet.acknowledged, refused()
    started, cpu_before, fewest_online, most_offline = time.monotonic(), broker.cpu_seconds(), devices, 0
    while time.monotonic() - started < seconds:
        fewest_online, most_offline = min(fewest_online, count(box, "online")), max(most_offline, count(box, "offline"))
        time.sleep(0.5)
    took = time.monotonic() - started
    counted = {"devices": devices, "seconds": round(took, 1), "broker_cpu": round((broker.cpu_seconds() - cpu_before) / took, 3),
               "refused": refused() - refused_before, "acknowledged_meanwhile": fleet.acknowledged - acknowledged,
               "fewest_online": fewest_online, "most_offline": most_offline, "reasons": RingView(box.ring).refused()}
    cause.free()
    return counted


def come_back(fleet, rate):
    """How long it takes until messages are acknowledged at nine tenths of the rate."""
    freed = time.monotonic()
    last_count, last_time = fleet.acknowledged, freed
    while time.monotonic() - freed < PATIENCE_S:
        wait_for(lambda: fleet.acknowledged != last_count, "progress")  # pylint: disable=cell-var-from-loop
        now = time.monotonic()
        if fleet.acknowledged - last_count >= 0.9 * rate * (now - last_time):
            return round(now - freed, 1)
        last_count, last_time = fleet.acknowledged, now
    return PATIENCE_S


def problems_of(how, counted, devices):
    problems = []
    if counted["lost"]:
        problems.append(f"{counted['lost']} acknowledged messages did not arrive")
    if counted["out_of_order"]:
        problems.append(f"{counted['out_of_order']} messages arrived after a later one of their device")
    if counted["broker_cpu"] > CPU_LIMIT:
        problems.append(f"the broker took {counted['broker_cpu']} of a core; limit {CPU_LIMIT}")
    if counted["most_offline"]:
        problems.append(f"{counted['most_offline']} devices were taken for gone")
    if (how == "disk" and counted["fewest_online"] < devices) or counted["online_afterwards"] < devices:
        problems.append(f"only {counted['fewest_online']} devices were online, {counted['online_afterwards']} afterwards")
    if counted["back_after_s"] > BACK_WITHIN_S:
        problems.append(f"the full rate was back after {counted['back_after_s']} s only")
    if counted["refused"] == 0:
        problems.append("nothing was refused")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--how", choices=["disk", "stopped"], default="disk")
    parser.add_argument("--devices", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=5000, help="messages a second over all devices (default: 5000)")
    parser.add_argument("--seconds", type=int, default=60, help="how long the ring stays full (default: 60)")
    flags = parser.parse_args()
    if flags.how == "disk" and os.geteuid() != 0:
        sys.exit("ring_full.py: a file system can be mounted by root only")
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-torture-"))
    counted, problems = run(flags.how, flags.devices, flags.rate, flags.seconds, scratch)
    print(json.dumps(counted))
    for problem in problems:
        print(f"  FAILED: {problem}; logs in {scratch}/data/logs")
    if not problems:
        shutil.rmtree(scratch)
        print("OK: bounded, nothing lost, nobody taken for gone, back in time")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
