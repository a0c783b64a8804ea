"""What a message costs from the device's publish to whoever takes it in, and how many a second get through: by a
subscription, as other programs do it, and by the ring that Sluice's plugin fills inside of the broker.

    ./sluice bench broker_hop [--rounds 5] [--json FILE]

Each round takes every way in turn, each with a broker of its own that is started from the same configuration. First
CPU time is counted at a fixed rate; it counts only where the rate was held. Then the fleet sends as fast as
acknowledgements come. Shown are medians, and between which values all rounds lie; ratios are taken within a round. Exits
0 if every way could be measured and got all that was acknowledged. Needs a machine that does nothing else.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/box"))

from box import BIN, BINARIES, Box, Ports  # noqa: E402  pylint: disable=wrong-import-position
from process import Process, StartFailed, cpu_seconds  # noqa: E402  pylint: disable=wrong-import-position

PAYLOAD_BYTES = 80
# A rate counts as held if so much of it was acknowledged, and received, while CPU time was counted.
HELD = 0.98
# What the broker has acknowledged and not handed on when the fleet ends must come within this time.
DRAIN_S = 60
CPU_TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
PROGRESS = re.compile(r"sending +sent (\d+) .*acknowledged (\d+)")
ACCEPTED = re.compile(
    r'^sluice_ingress_messages_total\{(?=.*kind="telemetry")(?=.*outcome="accepted").*\} (\S+)', re.MULTILINE)
# Cores that all else on the machine may take: with more, figures change in either direction.
QUIET_CORES = 0.2


@dataclasses.dataclass
class Way:
    """One way of a message out of the broker."""

    name: str
    title: str
    source: str  # of the box: with our plugin in the broker, or without
    helper: str = ""  # the program beside this file that receives
    ingress: bool = False

    @property
    def receiver(self):
        return "ingress" if self.ingress else self.helper


WAYS = (
    Way("alone", "broker alone, nobody subscribes", "paho"),
    Way("raw", "subscription, bare socket", "paho", "raw_subscriber"),
    Way("paho", "subscription, bare Paho callback", "paho", "bare_paho"),
    Way("drain", "plugin, bare drain of the ring", "plugin", "bare_drain"),
    Way("sluice", "plugin, sluice-ingress", "plugin", ingress=True),
    Way("sluice-paho", "subscription, sluice-ingress (Paho)", "paho", ingress=True),
)
# What the others are compared with.
BASES = ("alone", "paho")


def voluntary_switches(pid):
    """How often its threads have given up the processor: to wait, mostly."""
    count = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.MULTILINE)[1])
    return count


def machine_ticks():
    """Ticks of all processors so far: (all, idle, taken by other guests of the host)."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields[:8]), fields[3] + fields[4], fields[7]


def busy_cores(seconds=1):
    """Cores that are in use now."""
    first = machine_ticks()
    time.sleep(seconds)
    ticks, idle, _ = (b - a for a, b in zip(first, machine_ticks()))
    return (ticks - idle) * CPU_TICK_US / 1e6 / seconds


class Site:
    """A broker and what receives from it, running."""

    def __init__(self, way, directory):
        self.way = way
        self._directory = directory
        self._box = Box(directory, Ports.free(), mqtt_source=way.source)
        self._count = directory / "count"
        self._helper = None

    def __enter__(self):
        try:
            self._box.start(names=("mosquitto", "registry", "ingress") if self.way.ingress else ("mosquitto",))
            if self.way.helper:
                self._start_helper()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_helper(self):
        from_where = self._box.ring if self.way.source == "plugin" else self._box.mqtt.rpartition(":")[2]
        self._helper = Process(self.way.helper, [BIN / "bench" / self.way.helper, from_where, self._count],
                               self._directory / "logs" / f"{self.way.helper}.log")
        self._helper.start()
        self._helper.await_condition(self._count.exists, "subscription")

    def __exit__(self, *exception):
        if self._helper:
            self._helper.stop()
        self._box.stop()

    @property
    def mqtt(self):
        return self._box.mqtt

    @property
    def pids(self):
        pids = {name: process.pid for name, process in self._box.processes.items()}
        return pids | ({self.way.helper: self._helper.pid} if self._helper else {})

    def received(self):
        """Messages that got to the receiver so far; None without one."""
        if self._helper:
            return struct.unpack("<Q", self._count.read_bytes())[0]
        if not self.way.ingress:
            return None
        with urllib.request.urlopen(f"http://{self._box.metrics('ingress')}/metrics", timeout=10) as page:
            return sum(int(float(value)) for value in ACCEPTED.findall(page.read().decode()))


@dataclasses.dataclass
class Sample:
    """What had been counted at one moment."""

    at_s: float
    acknowledged: int
    received: int
    cpu_us: dict
    switches: dict
    machine: tuple

    @staticmethod
    def take(site, fleet_pid, acknowledged):
        pids = site.pids | {"fleet": fleet_pid}
        return Sample(time.monotonic(), acknowledged, site.received() or 0, {name: cpu_seconds(pid) * 1e6 for name, pid in pids.items()},
                      {name: voluntary_switches(pid) for name, pid in pids.items()}, machine_ticks())


def run_fleet(site, flags, rate, report):
    """Lets the fleet send; returns a sample when all goes steadily, one so many seconds later, and the fleet's report."""
    longest_s = flags.warm_up + flags.seconds + 5
    command = [BINARIES["fleetsim"], "run", "--mqtt", site.mqtt, "--mqtt-devices", flags.devices, "--rate", rate,
               "--duration", f"{longest_s}s", "--payload-bytes", PAYLOAD_BYTES, "--settle", "30s", "--report", report]
    samples = []
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as fleet:
        last_resort = threading.Timer(longest_s + 90, fleet.kill)
        last_resort.start()
        words, began = [], None
        try:
            # A line of progress comes every second: samples are taken just then.
            for line in fleet.stderr:
                words = words[-5:] + [line]
                found = PROGRESS.search(line)
                if not found or len(samples) == 2:
                    continue
                now = time.monotonic()
                began = began or now
                if now >= (samples[0].at_s + flags.seconds if samples else began + flags.warm_up) - 0.1:
                    samples.append(Sample.take(site, fleet.pid, int(found[2])))
                if len(samples) == 2:
                    fleet.send_signal(signal.SIGINT)
        finally:
            last_resort.cancel()
            fleet.kill()
    if len(samples) < 2 or not report.exists():
        raise StartFailed(f"fleetsim could not be measured: {''.join(words)}")
    return *samples, json.loads(report.read_text())


def await_all(site, wanted):
    """Waits until the receiver has so many, or nothing more has come for some time; returns how many it has."""
    deadline = time.monotonic() + DRAIN_S
    while (have := site.received()) < wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return have


def measure(site, flags, rate, report):
    """One run of the fleet as figures: a second, and a message acknowledged."""
    before = site.received()
    first, last, fleet = run_fleet(site, flags, rate, report)
    seconds, acknowledged = last.at_s - first.at_s, max(1, last.acknowledged - first.acknowledged)
    ticks, idle, stolen = (b - a for a, b in zip(first.machine, last.machine))
    spent = {name: last.cpu_us[name] - first.cpu_us[name] for name in first.cpu_us}
    figures = {
        "acknowledged_per_s": acknowledged / seconds,
        "received_per_s": (last.received - first.received) / seconds,
        "cpu_us": {name: us / acknowledged for name, us in spent.items()},
        "hop_cpu_us": (spent["mosquitto"] + spent.get(site.way.receiver, 0)) / acknowledged,
        "cores": {name: us / 1e6 / seconds for name, us in spent.items()},
        "switches_per_1000": {name: (last.switches[name] - first.switches[name]) * 1000 / acknowledged for name in spent},
        "others_cores": max(0, ((ticks - idle) * CPU_TICK_US - sum(spent.values())) / 1e6 / seconds),
        "stolen_cores": stolen * CPU_TICK_US / 1e6 / seconds,
        "acknowledged": fleet["acknowledged"], "reconnects": fleet["mqtt_reconnects"],
        "acknowledge_p50_us": fleet["acknowledge_latency_us"]["p50"], "acknowledge_p99_us": fleet["acknowledge_latency_us"]["p99"],
    }
    if before is not None:
        figures["received"] = await_all(site, before + fleet["acknowledged"]) - before
    if rate:
        least = min(figures["acknowledged_per_s"], figures["received_per_s"] if before is not None else rate)
        figures["held"] = least >= HELD * rate
    return figures


def measure_way(way, flags):
    """One way in one round."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        with Site(way, directory) as site:
            return {"rate": measure(site, flags, flags.rate, directory / "rate.json"),
                    "limit": measure(site, flags, 0, directory / "limit.json")}
    finally:
        shutil.rmtree(directory)


def measure_undisturbed(way, flags):
    """One way in one round, as often as patience lasts until nothing else ran beside it."""
    while True:
        while flags.patience > 0 and busy_cores() > QUIET_CORES:
            flags.patience -= 1
        started = time.monotonic()
        result = measure_way(way, flags)
        if flags.patience <= 0 or max(part["others_cores"] for part in result.values()) <= QUIET_CORES:
            return result
        flags.patience -= time.monotonic() - started


# -- what is shown ------------------------------------------------------------------------------------


def spread(values, digits):
    """The median, and between which values all lie."""
    text = f"{statistics.median(values):,.{digits}f}"
    return text if len(values) == 1 else f"{text} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def figure(result, *path):
    """One figure of a way in a round; None if there is none."""
    for key in path:
        result = result.get(key) if result is not None else None
    return result


def column(results, way, *path):
    """One figure of a way in all rounds that have it."""
    values = [figure(result, *path) for result in results[way.name]]
    return [value for value in values if value is not None]


def ratios(results, way, base, *path):
    """The figure in relation to another way's in the same round."""
    pairs = [(figure(mine, *path), figure(other, *path)) for mine, other in zip(results[way.name], results[base.name])]
    pairs = [pair for pair in pairs if None not in pair]
    return spread([mine / other for mine, other in pairs], 2) if pairs else ""


def table(heads, rows):
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    for cells in lines:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |")
    print()


def show(results, flags):
    """Prints the tables."""
    done = [way for way in WAYS if results[way.name]]
    bases = [way for way in reversed(done) if way.name in BASES]
    show_rate(results, flags, done, bases)
    show_limit(results, done, bases)
    others = [column(results, way, part, "others_cores") for way in done for part in ("rate", "limit")]
    if others:
        most = max(map(max, others))
        print(f"All else on the machine, the kernel's own threads and the host's other guests among it, took at most "
              f"{most:.2f} of {os.cpu_count()} cores{': TOO MUCH for these figures to count' if most > QUIET_CORES else ''}.\n")


def show_rate(results, flags, done, bases):
    print(f"\nCPU time at {flags.rate:,} messages/s, in µs a message\n")
    rows = []
    for way in done:
        held = column(results, way, "rate", "held")
        rows.append([
            way.title, spread(column(results, way, "rate", "hop_cpu_us"), 1),
            *(spread(column(results, way, "rate", "cpu_us", name), 1) if name else "" for name in ("mosquitto", way.receiver)),
            spread(column(results, way, "rate", "cpu_us", "fleet"), 1),
            *(ratios(results, way, base, "rate", "hop_cpu_us") for base in bases),
            "yes" if all(held) else f"NO: in {sum(held)} of {len(held)}"])
    table(["way", "broker + receiver", "broker", "receiver", "the fleet beside", *(f"to {base.name}" for base in bases),
           "rate held"], rows)
    print("At the same rate: waits (voluntary context switches) for 1,000 messages; the device's acknowledgement\n")
    table(["way", "waits of broker", "waits of receiver", "acknowledged, p50 ms", "p99 ms"],
          [[way.title, *(spread(column(results, way, "rate", "switches_per_1000", name), 0) if name else ""
                         for name in ("mosquitto", way.receiver)),
            *(spread([us / 1000 for us in column(results, way, "rate", f"acknowledge_{part}_us")], 1) for part in ("p50", "p99"))]
           for way in done])


def show_limit(results, done, bases):
    print("The limit: the fleet sends as fast as acknowledgements come\n")
    rows = []
    for way in done:
        acknowledged, received = column(results, way, "limit", "acknowledged"), column(results, way, "limit", "received")
        rows.append([
            way.title, spread(column(results, way, "limit", "acknowledged_per_s"), 0),
            spread(column(results, way, "limit", "received_per_s"), 0) if received else "",
            f"{sum(received) / sum(acknowledged):.2%}" if received else "",
            *(ratios(results, way, base, "limit", "acknowledged_per_s") for base in bases),
            spread(column(results, way, "limit", "hop_cpu_us"), 1),
            " / ".join(f"{statistics.median(column(results, way, 'limit', 'cores', name)):.2f}" if name else "–"
                       for name in ("mosquitto", way.receiver, "fleet"))])
    table(["way", "acknowledged a second", "received a second", "received in the end", *(f"to {base.name}" for base in bases),
           "broker + receiver, µs", "cores busy: broker / receiver / fleet"], rows)


def what_is_missing(way, result):
    """What was acknowledged and did not arrive, as a problem; None if all did."""
    for part in result.values():
        if (missing := part["acknowledged"] - part.get("received", part["acknowledged"])) > 0:
            return f"{way.title}: {missing} acknowledged messages did not arrive"
    return None


def stop_on_sigterm(number, frame):
    """As Ctrl-C."""
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog="./sluice bench broker_hop", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="how long each is measured (default: 8)")
    parser.add_argument("--warm-up", type=float, default=3, help="seconds before that (default: 3)")
    parser.add_argument("--rate", type=int, default=20_000, help="messages a second where CPU time is counted (default: 20000)")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--ways", default=",".join(way.name for way in WAYS), help="default: %(default)s")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures of all rounds there")
    parser.add_argument("--patience", type=float, default=0, metavar="SECONDS",
                        help="on a busy machine spend so much in all on waiting, and on measuring anew what was disturbed")
    parser.add_argument("--quick", action="store_true", help="one round of a second each: shows only that it works")
    flags = parser.parse_args()
    if flags.quick:
        flags.rounds, flags.seconds, flags.warm_up = 1, 1, 0
    chosen = flags.ways.split(",")
    if unknown := set(chosen) - {way.name for way in WAYS}:
        parser.error(f"--ways: there is no {', '.join(sorted(unknown))}")

    signal.signal(signal.SIGTERM, stop_on_sigterm)
    results, problems = {way.name: [] for way in WAYS}, []
    for number in range(flags.rounds):
        for way in (way for way in WAYS if way.name in chosen):
            print(f"  round {number + 1} of {flags.rounds}: {way.title}", flush=True)
            try:
                results[way.name].append(measure_undisturbed(way, flags))
            except StartFailed as failure:
                problems.append(f"{way.title}: {failure}")
                results[way.name].append(None)
            else:
                problems += filter(None, [what_is_missing(way, results[way.name][-1])])
    results = {name: rounds if any(rounds) else [] for name, rounds in results.items()}
    show(results, flags)
    if flags.json:
        settings = {"rounds": flags.rounds, "seconds": flags.seconds, "rate": flags.rate, "devices": flags.devices,
                    "payload_bytes": PAYLOAD_BYTES}
        flags.json.write_text(json.dumps({"settings": settings, "ways": results}, indent=1) + "\n")
    for problem in problems:
        print(f"  FAILED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
