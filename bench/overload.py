"""What happens when devices send more than a box can take: what it does with memory, and how long it takes to be back afterwards.

    ./sluice bench overload [--seconds 120] [--json DIR]

For each way in: first what gets through without loss is found, the fleet sending as fast as acknowledgements come. Then it sends
by five times that rate, or as much of it as fleet and machine can produce (shown as `offered`), by Paho until the broker's memory
is nearly full, while a subscriber compares what it gets with what was acknowledged. gRPC has no rate: there it is 16 callers at once. Memory is what is resident, without the
mapping of the ring: before, after 10 s, and the most from then on. After the load it is counted how long what was sent goes on to
come (without a plugin the broker has queued for Paho; the system has up to 36 MiB in the buffers of each connection), and from
then on, how long it takes until a probe's messages take no longer than before. Fails if anything acknowledged is lost.
"""

import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import case
import fleet
import usage
from box import BIN, BINARIES, BROKER_MEMORY_BYTES, Box, Ports
from many_devices import analysed, await_analysed
from process import Process, StartFailed

FACTOR = 5
DEVICES = 200
# Of the broker's memory: with more of it in its queue for Paho the load ends, since at the limit Mosquitto closes connections, and
# may acknowledge what it then has no memory to queue.
BROKER_LIMIT_SHARE = 0.8
SETTLED_S = 10  # after so long memory is to grow no more
DRAIN_S = 300  # what has not come by then is lost
BACK_S = 60  # not back to normal by then: never
# A probe is back to normal within so many times its latency before, or so much.
NORMAL_FACTOR, NORMAL_US = 3, 20_000
CALLERS = 16
SERVICES = ("registry", "ingress", "analytics")
QUICK = ("qos1",)  # what --quick tries
PROGRESS = re.compile(r"^ *\d+ s  (\w+) +sent (\d+)")
ACKNOWLEDGED = re.compile(r"acknowledged (\d+)")


@dataclasses.dataclass
class Way:
    """A way in, and the flags of fleetsim for it."""

    name: str
    title: str
    protocol: str = ""  # empty: gRPC, without a fleet
    flags: tuple = ()
    lossless: tuple = None  # with these what gets through is found; None: with `flags`
    source: str = "plugin"


WAYS = (
    Way("qos0", "MQTT QoS 0, plugin", "mqtt", ("--qos", 0), ()),
    Way("qos1", "MQTT QoS 1, plugin", "mqtt", ("--inflight", 100)),
    Way("paho", "MQTT QoS 1, a subscription (Paho)", "mqtt", ("--inflight", 100), source="paho"),
    Way("non", "CoAP NON", "coap", ("--coap-non",), ()),
    Way("con", "CoAP CON", "coap", ("--coap-inflight", 20)),
    Way("grpc", f"gRPC, {CALLERS} callers"),
)


class Memory:
    """What processes {name: pid} hold in the course of time."""

    def __init__(self, pids):
        self._pids = pids
        self._samples = []
        self.sample()

    def sample(self):
        held = {name: usage.memory_mib(pid)[0] for name, pid in self._pids.items()}
        self._samples.append((time.monotonic(), held | {"services": sum(held[name] for name in SERVICES)}))

    def last_mib(self, name):
        return self._samples[-1][1].get(name, 0)

    def figures(self):
        began, before = self._samples[0]
        late = [memory for at, memory in self._samples if at >= began + SETTLED_S] or [self._samples[-1][1]]
        return {name: {"before": before[name], "early": late[0][name], "most": max(memory[name] for memory in late)} for name in before}


class Site:
    """A box under load by one way."""

    def __init__(self, way, directory, flags):
        self._way, self._directory, self._flags = way, directory, flags
        self.box = Box(directory, Ports.free(), mqtt_source=way.source)

    def _fleet(self, flags, devices=DEVICES):
        where = self.box.mqtt if self._way.protocol == "mqtt" else self.box.coap
        return [f"--{self._way.protocol}", where, f"--{self._way.protocol}-devices", devices, *flags]

    @property
    def pids(self):
        return {name: process.pid for name, process in self.box.processes.items()}

    def lossless_per_s(self):
        flags = self._way.flags if self._way.lossless is None else self._way.lossless
        load = fleet.run([*self._fleet(flags), "--rate", 0, "--settle", "30s"], self.pids, self._directory / "lossless.json",
                         1, self._flags.lossless_seconds)
        return load.acknowledged_per_s

    def probe_us(self):
        """How long a message takes to the subscriber when it is the only one; None if it does not get there."""
        report = self._directory / "probe.json"
        report.unlink(missing_ok=True)
        devices = self._fleet((), devices=1) if self._way.protocol else ["--mqtt", self.box.mqtt, "--mqtt-devices", 1]
        command = [BINARIES["fleetsim"], "run", *devices, "--id-prefix", "probe", "--rate", 10, "--messages", 5, "--settle", "2s",
                   "--connect-timeout", "2s", "--subscribe", self.box.grpc("ingress"), "--quiet", "--report", report]
        ended = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return json.loads(report.read_text())["latency_us"]["p50"] if ended.returncode == 0 else None

    def overload(self, rate, memory):
        """Returns the fleet's report, and when the load ended."""
        report = self._directory / "overload.json"
        command = [BINARIES["fleetsim"], "run", *self._fleet(self._way.flags), "--rate", int(rate), "--duration", f"{self._flags.seconds}s",
                   "--payload-bytes", fleet.PAYLOAD_BYTES, "--settle", f"{DRAIN_S}s", "--subscribe", self.box.grpc("ingress"),
                   "--report", report]
        ended, words, stopped = None, [], False
        with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as devices:
            try:
                for line in devices.stderr:
                    words = words[-5:] + [line]
                    phase = PROGRESS.search(line)
                    if phase and phase[1] == "sending":
                        memory.sample()
                        ended = time.monotonic()
                        full = memory.last_mib("mosquitto") > BROKER_LIMIT_SHARE * BROKER_MEMORY_BYTES / usage.MIB
                        if full and not stopped:
                            devices.send_signal(signal.SIGINT)
                            stopped = True
            finally:
                devices.kill()
        if not report.exists():
            raise StartFailed(f"fleetsim could not be measured: {''.join(words)}")
        return json.loads(report.read_text()), ended

    def overload_grpc(self, memory):
        """The same by callers that publish without a pause."""
        address = [self.box.grpc("registry"), self.box.grpc("ingress")]
        before = analysed(self.box)
        callers = [Process(f"caller-{number}", [BIN / "bench/fill", *address, f"caller-{number}", DEVICES, 1 << 40],
                           self._directory / f"caller-{number}.log") for number in range(CALLERS)]
        began = time.monotonic()
        try:
            for caller in callers:
                caller.start()
            while time.monotonic() < began + self._flags.seconds:
                time.sleep(1)
                memory.sample()
            ended = time.monotonic()
        finally:
            codes = [caller.stop() for caller in callers]
        acknowledged = sum(int(ACKNOWLEDGED.search(caller.last_words())[1]) for caller in callers if not any(codes))
        problems = [caller.last_words() for caller, code in zip(callers, codes) if code != 0]
        with contextlib.suppress(StartFailed):
            await_analysed(self.box, before + acknowledged, DRAIN_S)
        received = analysed(self.box) - before
        if received < acknowledged:
            problems.append(f"{acknowledged} messages were acknowledged, {received:.0f} came")
        return {"sent": acknowledged, "acknowledged": acknowledged, "received": received, "sending_us": (ended - began) * 1e6,
                "failures": problems}, ended


def measure(way, flags):
    if flags.quick:
        flags.seconds, flags.lossless_seconds = 1, 1
        if way.name not in QUICK:
            return {}
    directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    site = Site(way, directory, flags)
    try:
        site.box.start()
        lossless = site.lossless_per_s() if way.protocol else None
        normal_us = site.probe_us()
        memory = Memory(site.pids)
        report, ended = site.overload(FACTOR * lossless, memory) if way.protocol else site.overload_grpc(memory)
        came = time.monotonic()
        figures = {"lossless_per_s": lossless, "offered_per_s": report["sent"] / report["sending_us"] * 1e6,
                   "acknowledged": report["acknowledged"], "received": report["received"], "all_came_s": came - ended,
                   "normal_us": normal_us, "problems": list(report["failures"])}
        while not (probe := site.probe_us()) or probe > max(NORMAL_US, NORMAL_FACTOR * (normal_us or 0)):
            if time.monotonic() > came + BACK_S:
                figures["problems"].append(f"not back to normal after {BACK_S} s")
                break
        figures |= {"back_s": time.monotonic() - came, "rss_mib": memory.figures()}
        figures["problems"] += [f"{name} has ended" for name, process in site.box.processes.items() if not process.running()]
    finally:
        site.box.stop()
        shutil.rmtree(directory)
    return figures


def growth(way, names):
    """By how many times what is held becomes more once it should grow no more."""
    def value(of_round):
        held = (of_round.get(way.name) or {}).get("rss_mib")
        return max(held[name]["most"] / held[name]["early"] for name in names) if held else None
    return value


def add_flags(parser):
    parser.add_argument("--seconds", type=float, default=120, help="of overload (default: 120)")
    parser.add_argument("--lossless-seconds", type=float, default=5, help="in which what gets through is found (default: 5)")
    parser.set_defaults(rounds=1)


ARMS = [case.Arm(way.name, way.title, lambda flags, way=way: measure(way, flags)) for way in WAYS]
COLUMNS = [case.Column("lossless/s", "lossless_per_s"), case.Column("offered/s", "offered_per_s"),
           case.Column("acknowledged", "acknowledged"), case.Column("received", "received"),
           *(case.Column(f"RSS {name} {when}, MiB", ("rss_mib", name, when), 1)
             for name in ("services", "mosquitto") for when in ("before", "early", "most")),
           case.Column("all came after, s", "all_came_s", 1), case.Column("then back after, s", "back_s", 1)]
GOALS = [*(case.Goal(f"{way.title}: RSS after {SETTLED_S} s, times",
                     growth(way, SERVICES if way.source == "paho" else ("mosquitto", *SERVICES)), at_most=1.1) for way in WAYS),
         case.Goal("the broker that queues for Paho at most, MiB",
                   lambda of_round: case.figure(of_round.get("paho"), ("rss_mib", "mosquitto", "most")),
                   at_most=round(1.2 * BROKER_MEMORY_BYTES / (1 << 20))),
         *(case.Goal(f"{way.title}: back to normal after, s", lambda of_round, way=way: case.figure(of_round.get(way.name), "back_s"),
                     at_most=10) for way in WAYS)]


def main():
    parser = case.arguments("overload", __doc__, add_flags)
    return case.run("overload", "Overload", parser, ARMS, COLUMNS, GOALS)


if __name__ == "__main__":
    sys.exit(main())
