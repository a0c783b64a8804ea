"""What a round plays on: a whole box, a second broker that is read by Paho, senders of every kind, and the cloud. It says
what was promised and not kept."""

import collections
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys

import grpc

import analysis
import callers
import ports
from account import Account, listed
from box import Box, Ports
from fleet import LedgerFleet
from harness import api, metric
from process import Process
from ring_view import RingView
from storage import PowerImage, SmallDisk
from waiting import PATIENCE_S, within

DISK_MIB = 512
# Nothing new for so long: then nothing more will come.
SILENCE_S = 15
# Those whose topic is `synced` are few: each of their messages holds the broker up.
SYNCED_DEVICES, ACTUATORS = 2, 5
# Each message of these has an id, and so one effect.
ONE_EFFECT = (callers.Caller.device, callers.ReceiptDevice.device)
# What was acknowledged to these outlives a power cut.
SURVIVES_POWER_CUTS = ("synced-", "coap-", *ONE_EFFECT)
# In overload no process may take more memory than that over what it had when messages began to flow.
GROWTH_BYTES = 32 << 20
# What rounds are about, and what their data lie on. In those of overload nobody is killed.
KINDS = {"plain": lambda data, scratch: None, "disk": lambda data, scratch: SmallDisk(data / "ingress", DISK_MIB),
         "image": PowerImage, "overload": lambda data, scratch: None}


def settings():
    """What the box runs with, apart from its second broker."""
    synced = [f"synced_topic=devices/synced-{n + 1:05}/telemetry" for n in range(SYNCED_DEVICES)]
    return {"ingress": ["journal.max_bytes=256MiB", "journal.hard_max_bytes=384MiB"], "plugin": ["ring_bytes=16MiB", *synced],
            "analytics": ["detector.threshold=2"]}


class OtherBroker(Process):
    """A Mosquitto without the plugin. It is never killed: what it acknowledges to devices is its own promise."""

    def __init__(self, scratch):
        port = ports.free_port()
        self.mqtt = f"127.0.0.1:{port}"
        config = scratch / "other.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n")
        super().__init__("other broker", ["/usr/sbin/mosquitto", "-c", config], scratch / "other.log", ends_with_us=False)


class Stage:
    """Started by start(), to be closed however it goes. One thread, the one that made it."""

    def __init__(self, scratch, kind, rate):
        self.scratch = scratch
        self.kind = kind
        self.account = Account()
        self.counts = collections.Counter()
        self.problems = []
        self.poison, self.commands = [], []
        self.aged_commands = set()  # by a clock that jumped they may have ended years ago: such are deleted
        self.cloud, self.senders = None, []
        self.floods = []  # those who may lose messages when there are too many, if they are counted
        self._memory = {}
        self._rate = rate
        self.storage = KINDS[kind](scratch / "data", scratch)
        self._clock_shift = scratch / "clock_shift"
        self.other_broker = OtherBroker(scratch)
        wanted = settings()
        wanted["ingress"] += [f"mqtt.brokers.1.address=tcp://{self.other_broker.mqtt}", "mqtt.brokers.1.source=paho"]
        if kind == "overload":
            wanted["plugin"][0] = "ring_bytes=1MiB"
        self.box = Box(scratch / "data", Ports.free(), wanted, ends_with_us=False)

    def start(self):
        self._clock_shift.write_bytes(bytes(8))
        os.environ["SLUICE_CLOCK_SHIFT"] = str(self._clock_shift)
        self.other_broker.start()
        self.box.start()
        with grpc.insecure_channel(self.box.grpc("registry")) as channel:
            registry = api("registry_service_pb2_grpc").RegistryServiceStub(channel)
            for actuator in self.actuators():
                request = api("registry_service_pb2").CreateDeviceRequest()
                request.device.id = actuator
                request.device.actuator.commands.add(name="identify")
                registry.CreateDevice(request, timeout=10)
        self.cloud = callers.Cloud(self.box.grpc("ingress"))
        self.cloud.start()
        mqtt = lambda name, address, devices, share, *flags: LedgerFleet(  # noqa: E731
            name, self.scratch, "--mqtt", address, "--mqtt-devices", devices, "--rate", share * self._rate, *flags)
        self.senders = [
            mqtt("plugin", self.box.mqtt, 60, 0.7, "--respond-commands"),
            mqtt("synced", self.box.mqtt, SYNCED_DEVICES, 0.02),
            mqtt("paho", self.other_broker.mqtt, 10, 0.13),
            LedgerFleet("coap", self.scratch, "--coap", self.box.coap, "--coap-devices", 20, "--rate", 0.15 * self._rate,
                        "--coap-ack-timeout", "500ms"),
            callers.Caller(self.box.grpc("ingress")), callers.ReceiptDevice(self.box.mqtt)]
        for publisher in self.senders[-2:]:
            publisher.start()
        if self.kind == "overload":
            self.floods = [
                mqtt("qos0", self.box.mqtt, 20, 4, "--qos", "0"),
                LedgerFleet("non", self.scratch, "--coap", self.box.coap, "--coap-devices", 20, "--rate", 4 * self._rate,
                            "--coap-non", "--coap-inflight", 1000)]
            self.senders += self.floods
        self.await_flow()
        self._memory = {name: child.memory_bytes()[0] for name, child in self.box.processes.items()}

    @staticmethod
    def actuators():
        return [f"plugin-{n + 1:05}" for n in range(ACTUATORS)]

    def catch_up(self):
        for sender in (*self.senders, self.cloud):
            sender.catch_up(self.account)

    def await_flow(self):
        """Waits until something new of every sender is acknowledged; returns who was the last."""
        self.catch_up()
        before = {sender.name: sender.acknowledgements for sender in self.senders if sender not in self.floods}

        last = []

        def silent():
            self.catch_up()
            found = [sender.name for sender in self.senders if sender.acknowledgements == before.get(sender.name)]
            last[:] = found or last
            return found

        if not within(PATIENCE_S, lambda: not silent()):
            raise TimeoutError(f"for {PATIENCE_S} s nothing of {', '.join(silent())} was acknowledged")
        return ", ".join(last)

    # -- faults need these -------------------------------------------------------------------------

    def shift_clock(self, seconds):
        """In place, since the services have the file mapped."""
        with open(self._clock_shift, "r+b") as file:
            file.write(struct.pack("=q", seconds * 1_000_000))

    def signal(self, names, number):
        for name in names:
            self.box.processes[name].signal(number)

    def kill(self, names):
        self.signal(names, signal.SIGKILL)
        for name in names:
            assert within(10, lambda name=name: not self.box.processes[name].running()), name
        self.counts["kills"] += len(names)

    def revive(self):
        """Starts again what ended by itself, which it may not."""
        for name, child in self.box.processes.items():
            if child.running():
                continue
            self.problems.append(f"{name} ended by itself with {child.exit_code()}: {child.last_words(300)}")
            self.box.start_one(name)

    def cut_power(self):
        """Copies the disk as it stands, starts another box on the copy, and sees whether all is there that was
        acknowledged before the copy was begun."""
        self.catch_up()
        promised = {key: self.account.sent[key] for key in self.account.acknowledged if key[0].startswith(SURVIVES_POWER_CUTS)}
        copy = self.storage.copy()
        expected = self.scratch / "promised.json"
        expected.write_text(json.dumps([[*key, content] for key, content in promised.items()]))
        # In a namespace of its own: its mounts, and the boot it takes this for, are gone when it ends.
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable,
                               pathlib.Path(__file__).with_name("recover.py"), copy, expected],
                              capture_output=True, text=True, timeout=180, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"no box would start after a power cut: {done.stderr[-1000:]}")
        missing = [tuple(key) for key in json.loads(done.stdout)["missing"]]
        if missing:
            self.problems.append(f"{len(missing)} of {len(promised)} acknowledged messages were gone after a power cut: "
                                 f"{listed(missing)}")
        copy.unlink()
        self.counts["power cuts"] += 1
        self.counts["messages that power cuts had to leave"] += len(promised)

    # -- the end -----------------------------------------------------------------------------------

    def drain(self):
        """Lets nothing new come, and everything that was acknowledged arrive."""
        for sender in self.senders:
            sender.stop()

        def arrived():
            self.catch_up()
            return self.account.acknowledged.keys() <= self.account.received.keys() and not self._unclassed()

        before = -1
        while not within(SILENCE_S, arrived) and len(self.account.received) > before:
            before = len(self.account.received)

    def _unclassed(self):
        """What speaks against it that in overload every message is in one class."""
        return self.account.unclassed(self._dropped()) if self.floods else []

    def _dropped(self):
        """{beginning of the ids: (at least, at most)} as counted. What the kernel drops may be a CON, which comes again."""
        by_plugin = sum(RingView(self.box.ring).dropped().values())
        shed = int(metric(self.box, "sluice_dropped_total", reason="coap_overload"))
        by_kernel = int(metric(self.box, "sluice_dropped_total", reason="coap_receive_buffer_full"))
        return {"qos0-": (by_plugin, by_plugin), "non-": (shed, shed + by_kernel)}

    def judge(self):
        """Adds to `problems` what is not as promised, and counts."""
        self.problems += self.account.broken() + self.cloud.faults
        if "nothing legible" in (self.scratch / "data/logs/ingress.log").read_text(errors="replace"):
            self.problems.append("the ring had holes")
        self._judge_poison()
        self._judge_commands()
        self._judge_analysis()
        self.problems += self._unclassed()
        repeated = [key for key in self.account.repeated if key[0] in ONE_EFFECT]
        if repeated and not self.counts["clock jumps"]:  # ids are remembered for an hour by the clock of the last start
            self.problems.append(f"{len(repeated)} messages that were sent again with their id came twice: {listed(repeated)}")
        if self.floods:
            self._judge_overload()
        self.counts["refused"] += len(self.account.refused.keys() - self.account.received.keys())
        by = collections.Counter(self.account.acknowledged.values())
        self.counts["acknowledged by a broker"] += by["broker"]
        self.counts["acknowledged by the gateway"] += by["gateway"]
        self.counts["acknowledged"] += sum(by.values())
        self.counts["received"] += len(self.account.received)
        self.counts["redelivered"] += self.cloud.redelivered
        self.counts["duplicates"] += self.account.duplicates

    def _judge_overload(self):
        for prefix, (_, most) in self._dropped().items():
            self.counts[f"dropped of {prefix}*"] += most
            self.counts["dropped"] += most
        self.counts["connections closed, since it was too much"] += sum(RingView(self.box.ring).refused().values())
        for name, before in self._memory.items():
            most = self.box.processes[name].memory_bytes()[1]
            if most > before + GROWTH_BYTES:
                self.problems.append(f"{name} grew from {before >> 20} to {most >> 20} MiB")

    def _judge_poison(self):
        letters, request = set(), api("telemetry_service_pb2").ListDeadLettersRequest(page_size=1000)
        with grpc.insecure_channel(self.box.grpc("ingress")) as channel:
            telemetry = api("telemetry_service_pb2_grpc").TelemetryServiceStub(channel)
            missing = lambda: [p for p in self.poison if p not in letters]  # noqa: E731

            def all_there():
                while True:
                    page = telemetry.ListDeadLetters(request, timeout=10)
                    letters.update(letter.payload.decode(errors="replace") for letter in page.dead_letters)
                    if not page.next_page_token:
                        request.page_token = ""
                        return not missing()
                    request.page_token = page.next_page_token

            within(SILENCE_S, all_there)
        self.counts["poison"] += len(self.poison)
        if missing():
            self.problems.append(f"{len(missing())} acknowledged messages that nobody can read are not among the dead letters: "
                                 f"{missing()[:3]}")

    def _judge_commands(self):
        states = api("command_pb2").CommandState
        with grpc.insecure_channel(self.box.grpc("registry")) as channel:
            commands = api("command_service_pb2_grpc").CommandServiceStub(channel)
            for command_id in self.commands:
                request = api("command_service_pb2").GetCommandRequest(command_id=command_id)
                try:
                    state = states.Name(commands.GetCommand(request, timeout=10).state)
                except grpc.RpcError as error:
                    if error.code() == grpc.StatusCode.NOT_FOUND and command_id in self.aged_commands:
                        continue
                    self.problems.append(f"command {command_id} was accepted and is gone: {error.details()}")
                    continue
                self.counts["commands"] += 1
                self.counts["commands answered"] += state == "COMMAND_STATE_SUCCEEDED"
                if state == "COMMAND_STATE_PENDING":
                    self.problems.append(f"command {command_id} was never handed on")

    def _judge_analysis(self):
        def samples():
            self.catch_up()
            return len(self.account.received) + self.account.duplicates

        problems, count = analysis.judge(self.box.grpc("analytics"), samples, lambda condition: within(SILENCE_S, condition))
        self.problems += problems
        self.counts["insights"] += count

    def close(self):
        for sender in self.senders:
            if sender.running():
                sender.kill()
        if self.cloud:
            self.cloud.stop()
        self.signal(self.box.processes, signal.SIGCONT)
        self.box.stop()
        self.other_broker.stop()
        if self.storage:
            self.storage.close()
