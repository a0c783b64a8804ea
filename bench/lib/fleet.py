"""Runs fleetsim as a load, and counts what processes use while it sends steadily."""

import dataclasses
import json
import re
import signal
import subprocess
import threading
import time

from box import BINARIES
from process import StartFailed
from usage import Spent, Usage

PROGRESS = re.compile(r"sending +sent (\d+) .*acknowledged (\d+)")
PAYLOAD_BYTES = 80


@dataclasses.dataclass
class Load:
    """What came of a run."""

    spent: Spent  # while it was measured; the fleet is among the processes, as `fleet`
    sent: int  # meanwhile
    acknowledged: int
    report: dict  # of the whole run, as fleetsim writes it

    @property
    def sent_per_s(self):
        return self.sent / self.spent.seconds

    @property
    def acknowledged_per_s(self):
        return self.acknowledged / self.spent.seconds


def run(flags, pids, report, warm_up_s, seconds, at_end=lambda: None):
    """Lets a fleet with these flags of `fleetsim run` send, until it was measured for so many seconds after warming up; returns
    a Load. `at_end` is called once it is measured. StartFailed if it could not be."""
    longest_s = warm_up_s + seconds + 5
    command = [BINARIES["fleetsim"], "run", *flags, "--duration", f"{longest_s}s", "--payload-bytes", PAYLOAD_BYTES, "--report", report]
    samples, counts, words, began = [], [], [], None
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as fleet:
        last_resort = threading.Timer(longest_s + 120, fleet.kill)
        last_resort.start()
        try:
            # A line of progress comes every second: samples are taken just then.
            for line in fleet.stderr:
                words = words[-5:] + [line]
                found = PROGRESS.search(line)
                if not found or len(samples) == 2:
                    continue
                now = time.monotonic()
                began = began or now
                if now >= (samples[0].at_s + seconds if samples else began + warm_up_s) - 0.1:
                    samples.append(Usage.of(pids | {"fleet": fleet.pid}))
                    counts.append((int(found[1]), int(found[2])))
                if len(samples) == 2:
                    at_end()
                    fleet.send_signal(signal.SIGINT)
        finally:
            last_resort.cancel()
            fleet.kill()
    if len(samples) < 2 or not report.exists():
        raise StartFailed(f"fleetsim could not be measured: {''.join(words)}")
    sent, acknowledged = (last - first for first, last in zip(*counts))
    return Load(Spent.between(*samples), sent, acknowledged, json.loads(report.read_text()))
