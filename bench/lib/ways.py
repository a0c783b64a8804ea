"""A broker and what receives from it: the ways of a message that are compared."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import struct
import tempfile
import time
import urllib.request

import fleet
from box import BIN, Box, Ports
from process import Process, StartFailed

BENCH = pathlib.Path(__file__).resolve().parent.parent
NODE_MODULES = pathlib.Path(os.environ.get("SLUICE_TOOLS", pathlib.Path.home() / ".cache/sluice/tools"), "node_modules")
ACCEPTED = re.compile(
    r'^sluice_ingress_messages_total\{(?=.*kind="telemetry")(?=.*outcome="accepted").*\} (\S+)', re.MULTILINE)
# What the broker has acknowledged and not handed on when the fleet ends must come within this time.
DRAIN_S = 60
INGRESS = ("registry", "ingress")
EVERYTHING = ("registry", "ingress", "analytics")


@dataclasses.dataclass
class Way:
    """One way of a message out of the broker."""

    name: str
    title: str
    source: str = "paho"  # of the box: with our plugin in the broker, or without
    receiver: tuple = ()  # the words that start a receiver that is not ours
    services: tuple = ()  # ours
    subscriber: bool = False  # the fleet is the cloud, too


ALONE = Way("alone", "broker alone, nobody subscribes")
RAW = Way("raw", "subscription, bare socket", receiver=(BIN / "bench/raw_subscriber",))
PAHO = Way("paho", "subscription, bare Paho callback that counts", receiver=(BIN / "bench/bare_paho",))
NODE = Way("node", "subscription, z-score in Node.js (mqtt.js)", receiver=("/usr/bin/env", f"NODE_PATH={NODE_MODULES}", "node", BENCH / "rivals/z_score.js"))
PYTHON = Way("python", "subscription, z-score in Python (paho-mqtt)", receiver=("/usr/bin/python3", BENCH / "rivals/z_score.py"))
DRAIN = Way("drain", "plugin, bare drain of the ring", "plugin", receiver=(BIN / "bench/bare_drain",))
SLUICE_INGRESS = Way("ingress", "plugin, sluice-ingress", "plugin", services=INGRESS)
SLUICE_INGRESS_PAHO = Way("ingress-paho", "subscription, sluice-ingress", services=INGRESS)
SLUICE = Way("sluice", "Sluice: plugin, journal, analytics", "plugin", services=EVERYTHING)
SLUICE_CLOUD = Way("sluice-cloud", "Sluice: plugin, journal, analytics, a subscriber", "plugin", services=EVERYTHING, subscriber=True)
SLUICE_PAHO = Way("sluice-paho", "Sluice by Paho, journal, analytics, a subscriber", services=EVERYTHING, subscriber=True)


class Site:
    """One of them, running."""

    def __init__(self, way, directory):
        self.way = way
        self.directory = pathlib.Path(directory)
        self._box = Box(directory, Ports.free(), mqtt_source=way.source)
        self._count = self.directory / "count"
        self._receiver = None

    def __enter__(self):
        try:
            self._box.start(names=("mosquitto", *self.way.services))
            if self.way.receiver:
                from_where = self._box.ring if self.way.source == "plugin" else self._box.mqtt.rpartition(":")[2]
                self._receiver = Process(self.way.name, [*self.way.receiver, from_where, self._count],
                                         self.directory / "logs" / f"{self.way.name}.log")
                self._receiver.start()
                self._receiver.await_condition(self._count.exists, "subscription")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception):
        if self._receiver:
            self._receiver.stop()
        self._box.stop()

    @property
    def pids(self):
        pids = {name: process.pid for name, process in self._box.processes.items()}
        return pids | ({self.way.name: self._receiver.pid} if self._receiver else {})

    def received(self):
        """Messages that got to the receiver, or into the journal, so far; None without one."""
        if self._receiver:
            return struct.unpack_from("<Q", self._count.read_bytes())[0]
        if not self.way.services:
            return None
        with urllib.request.urlopen(f"http://{self._box.metrics('ingress')}/metrics", timeout=10) as page:
            return sum(int(float(value)) for value in ACCEPTED.findall(page.read().decode()))

    def latencies(self):
        """How many messages the receiver saw after how many ms, for one that looks."""
        bytes_ = self._count.read_bytes()[8:]
        return struct.unpack(f"<{len(bytes_) // 8}Q", bytes_)

    def await_received(self, wanted):
        """Waits until the receiver has so many, or nothing more has come for some time; returns how many it has."""
        deadline = time.monotonic() + DRAIN_S
        while (have := self.received()) < wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        return have

    def offer(self, flags, rate, warm_up_s, seconds, **extra):
        """Lets a fleet send at that rate (0: as fast as acknowledgements come); returns its Load."""
        words = ["--mqtt", self._box.mqtt, "--mqtt-devices", flags.devices, "--rate", rate, "--qos", flags.qos, "--settle", "30s"]
        if self.way.subscriber:
            words += ["--subscribe", self._box.grpc("ingress")]
        return fleet.run(words, self.pids, self.directory / "report.json", warm_up_s, seconds, **extra)


@contextlib.contextmanager
def running(way):
    """A Site in a directory of its own that is removed afterwards."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        with Site(way, directory) as site:
            yield site
    finally:
        shutil.rmtree(directory)


def percentile_ms(counts, share):
    """Of a histogram with a bucket for each millisecond."""
    wanted, seen = share * sum(counts), 0
    for ms, count in enumerate(counts):
        seen += count
        if seen >= wanted and count:
            return ms
    raise StartFailed("nothing was received")
