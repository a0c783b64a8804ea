"""What a box needs that many quiet devices are connected to: half of them by MQTT, half by CoAP, each with one message in
10 s and a window of its own in analytics, which is full.

    ./sluice bench many_devices [--rounds 5] [--json DIR]

The baseline is Mosquitto without a subscriber and a bare libcoap server, with the same devices. Memory is
what is resident at the end, without the mapping of the ring, which is shown by itself: it is one for broker and ingress. Before
that the devices send for a minute, in which what is remembered of CoAP messages becomes as much as it may be.
"""

import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import case
import fleet
import ports
import usage
from box import BIN, BINARIES, Box, Ports
from process import Process, StartFailed

SERVICES = ("registry", "ingress", "analytics")
WINDOW_SAMPLES = 100  # analytics' default
SECONDS_PER_MESSAGE = 10
HELD = 0.98  # so much of the rate at least, or the figures are not those of this load
ANALYSED = re.compile(r"^sluice_analytics_samples_total(?:\{.*\})? (\S+)", re.MULTILINE)
# As coap.max_idle_sessions of ingress.
IDLE_SESSIONS = 64


class CoapDevices:
    """A fleet of CoAP devices in the background: one process could not have the files for all."""

    def __init__(self, address, flags, report):
        self._report = report
        command = [BINARIES["fleetsim"], "run", "--coap", address, "--coap-devices", flags.devices // 2, "--id-prefix", "coap",
                   "--rate", flags.devices / 2 / SECONDS_PER_MESSAGE, "--duration", "1h", "--payload-bytes", fleet.PAYLOAD_BYTES,
                   "--quiet", "--report", report]
        self._process = Process("coap fleet", command, report.with_suffix(".log"))
        self._process.start()
        self.pid = self._process.pid

    def end(self):
        """Ends it; returns its report."""
        self._process.signal(signal.SIGINT)
        deadline = time.monotonic() + 30
        while self._process.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        self._process.stop()
        if not self._report.exists():
            raise StartFailed(f"the fleet of CoAP devices made no report: {self._process.last_words()}")
        return json.loads(self._report.read_text())

    def stop(self):
        self._process.stop()


def measure_load(mqtt, coap, pids, directory, flags):
    """Lets the devices send; returns figures of processes {name: pid}."""
    devices = CoapDevices(coap, flags, directory / "coap.json")
    memory = {}
    try:
        load = fleet.run(["--mqtt", mqtt, "--mqtt-devices", flags.devices // 2, "--rate", flags.devices / 2 / SECONDS_PER_MESSAGE,
                          "--connect-timeout", "60s"],
                         pids | {"coap fleet": devices.pid}, directory / "mqtt.json", flags.warm_up, flags.seconds,
                         at_end=lambda: memory.update({name: usage.memory_mib(pid) for name, pid in pids.items()}))
        reports = [load.report, devices.end()]
    finally:
        devices.stop()
    cores = load.spent.cores()
    problems = [f"{report['acknowledged']} of {report['sent']} messages were acknowledged" for report in reports
                if report["acknowledged"] < HELD * report["sent"]]
    wanted = flags.devices / 2 / SECONDS_PER_MESSAGE
    if load.acknowledged_per_s < HELD * wanted:
        problems.append(f"{load.acknowledged_per_s:.0f} messages/s by MQTT, not {wanted:.0f}")
    return {"rss_mib": {name: rss for name, (rss, _) in memory.items()}, "ring_mib": max(ring for _, ring in memory.values()),
            "cores": cores, "others_cores": load.spent.others_cores, "problems": problems}


def analysed(box):
    """How many samples analytics has taken in."""
    with urllib.request.urlopen(f"http://{box.metrics('analytics')}/metrics", timeout=10) as page:
        found = ANALYSED.search(page.read().decode())
    return float(found[1]) if found else 0


def await_analysed(box, samples, timeout_s=120):
    """Waits until it has taken in so many."""
    deadline = time.monotonic() + timeout_s
    while analysed(box) < samples:
        if time.monotonic() > deadline:
            raise StartFailed(f"analytics did not take in {samples} samples within {timeout_s} s")
        time.sleep(0.2)


def fill_windows(box, flags):
    """As after a quarter of an hour. Then the box is started anew, so that nothing is measured of this haste."""
    for prefix in ("sim", "coap"):
        subprocess.run([str(part) for part in (BIN / "bench/fill", box.grpc("registry"), box.grpc("ingress"), prefix,
                                               flags.devices // 2, flags.devices // 2 * flags.samples)], check=True, stdout=subprocess.DEVNULL)
    await_analysed(box, flags.devices * flags.samples)
    box.stop()
    box.start()


def shorten(flags):
    if flags.quick:
        flags.devices, flags.seconds, flags.warm_up, flags.samples = 200, 1, 0, 2


def measure_sluice(flags):
    """A whole box."""
    shorten(flags)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    box = Box(directory, Ports.free())
    try:
        box.start()
        fill_windows(box, flags)
        pids = {name: process.pid for name, process in box.processes.items()}
        figures = measure_load(box.mqtt, box.coap, pids, directory, flags)
    finally:
        box.stop()
        shutil.rmtree(directory)
    for what in ("rss_mib", "cores"):
        figures[what]["services"] = sum(figures[what][name] for name in SERVICES)
    return figures


def measure_bare(flags):
    """Mosquitto without a subscriber, and a bare CoAP server."""
    shorten(flags)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    box = Box(directory, Ports.free(), mqtt_source="paho")
    server = None
    try:
        box.start(names=("mosquitto",))
        port = ports.free_port()
        server = Process("bare_coap", [BIN / "bench/bare_coap", port, IDLE_SESSIONS, directory / "ready"], directory / "logs/bare_coap.log")
        server.start()
        server.await_condition((directory / "ready").exists, "ready file")
        pids = {"mosquitto": box.processes["mosquitto"].pid, "bare_coap": server.pid}
        figures = measure_load(box.mqtt, f"127.0.0.1:{port}", pids, directory, flags)
    finally:
        if server:
            server.stop()
        box.stop()
        shutil.rmtree(directory)
    return figures


def add_flags(parser):
    parser.add_argument("--devices", type=int, default=20_000, help="half of them by MQTT, half by CoAP (default: 20000)")
    parser.add_argument("--seconds", type=float, default=20, help="how long is measured (default: 20)")
    parser.add_argument("--warm-up", type=float, default=60, help="seconds before that (default: 60)")
    parser.add_argument("--samples", type=int, default=WINDOW_SAMPLES, help=argparse.SUPPRESS)


ARMS = [case.Arm("bare", "Mosquitto, bare libcoap server", measure_bare),
        case.Arm("sluice", "the box", measure_sluice)]
COLUMNS = [*(case.Column(f"RSS {name}, MiB", ("rss_mib", name), 1) for name in ("mosquitto", "bare_coap", *SERVICES)),
           case.Column("the ring, MiB", "ring_mib", 1),
           *(case.Column(f"cores {name}", ("cores", name), 3) for name in ("mosquitto", "bare_coap", *SERVICES, "fleet", "coap fleet"))]
GOALS = [case.Goal("RSS of the three services together, MiB", lambda of_round: case.figure(of_round.get("sluice"), ("rss_mib", "services")),
                   at_most=100),
         case.Goal("cores of the three services together", lambda of_round: case.figure(of_round.get("sluice"), ("cores", "services")),
                   at_most=0.25)]


def main():
    parser = case.arguments("many_devices", __doc__, add_flags)
    return case.run("many_devices", "Many quiet devices", parser, ARMS, COLUMNS, GOALS)


if __name__ == "__main__":
    sys.exit(main())
