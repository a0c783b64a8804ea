"""A foreign subscriber to everything that stays away does not stop the intake: the broker's memory stays flat.

    tests/torture/absent_subscriber.py [--messages 10000000]

Exits 0 only if it did, and nothing acknowledged was lost.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/box"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from box import Box, Ports  # noqa: E402  pylint: disable=wrong-import-position
from fleet import Fleet  # noqa: E402  pylint: disable=wrong-import-position

# What the broker may grow by after the first tenth of the messages: its queue for the one who is away is full then.
GROWTH_LIMIT_BYTES = 4 << 20


def subscribe_and_leave(box):
    """A session that the broker keeps, subscribed to every device's messages."""
    host, port = box.mqtt.split(":")
    subprocess.run(["mosquitto_sub", "-h", host, "-p", port, "-i", "absent", "-c", "-q", "1", "-t", "devices/#", "-E"], check=True,
                   timeout=20)


def run(messages, devices, scratch):
    """Returns (what was counted, what is not as promised)."""
    settings = {"ingress": ["journal.max_bytes=256MiB", "journal.hard_max_bytes=4GiB"]}
    box = Box(scratch / "data", Ports.free(), settings)
    box.start(names=("mosquitto", "registry", "ingress"))
    fleet = None
    try:
        subscribe_and_leave(box)
        # As fast as acknowledgements come.
        fleet = Fleet(box, scratch / "report.json", devices, 0, "--settle", "60s", "--messages", messages)
        sizes = {}
        while fleet.running():
            tenth = fleet.acknowledged * 10 // messages
            size = box.processes["mosquitto"].memory_bytes()[0]
            sizes[min(tenth, 9)] = max(size, sizes.get(min(tenth, 9), 0))
            time.sleep(0.1)
        report = fleet.stop()
    finally:
        if fleet and fleet.running():
            fleet.kill()
        box.stop()
    counted = {"broker_mib_by_tenths": [sizes[key] >> 20 for key in sorted(sizes)],
               **{key: report[key] for key in ("sent", "acknowledged", "received", "lost", "out_of_order")}}
    problems = []
    if report["acknowledged"] < messages:
        problems.append(f"only {report['acknowledged']} of {messages} messages were acknowledged")
    if report["lost"] or report["out_of_order"]:
        problems.append(f"{report['lost']} lost, {report['out_of_order']} out of order")
    growth = max(sizes.values()) - sizes[min((key for key in sizes if key >= 1), default=0)]
    if growth > GROWTH_LIMIT_BYTES:
        problems.append(f"the broker grew by {growth >> 10} KiB after the first tenth")
    return counted, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--devices", type=int, default=200)
    flags = parser.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-torture-"))
    counted, problems = run(flags.messages, flags.devices, scratch)
    print(json.dumps(counted))
    for problem in problems:
        print(f"  FAILED: {problem}")
    if not problems:
        print("OK: flat")
    shutil.rmtree(scratch)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
