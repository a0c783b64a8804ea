"""What may happen to a stage. A fault is injected, stays for a while, and is healed; what it will do is drawn when it is made.
"""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import grpc

from harness import api
from process import StartFailed
from waiting import within

SERVICES = ("ingress", "registry", "analytics")
ALL = (*SERVICES, "mosquitto")
KILLED = signal.SIGKILL
# {failpoint: the highest count at which it is armed}: reached within seconds. libs/failpoint says where they are. Analytics
# comes to those of the journal, too, for each message in which there is something to be found.
FAILPOINTS = {
    "journal.append": 1000, "journal.appended": 1000, "journal.sync": 200, "journal.synced": 200, "cursor.write": 10,
    "cursor.written": 10, "stream.send": 50, "stream.sent": 50, "subscriber.acknowledge": 10, "subscriber.acknowledged": 10,
    "ring.tail": 100, "ring.tail_moved": 100,
}
OF_ANALYTICS = {"journal.append": 50, "journal.appended": 50, "journal.sync": 20, "journal.synced": 20}
REACHED_WITHIN_S = 10
# The kernel breaks other people's connections for root only.
MAY_BREAK = int(os.geteuid() == 0)


class Fault:
    """One that does nothing."""

    name = "nothing"
    stays_s = 0.0

    def inject(self, stage):
        """Does it."""

    def heal(self, stage):
        """Ends it. The stage is as before then."""


class Kill(Fault):
    """kill -9 of some at once; they come back in any order."""

    def __init__(self, chance, *names):
        self.name = f"kill {'+'.join(names)}"
        self._names = names
        self._back = chance.sample(names, len(names))
        self.stays_s = chance.choice((0, 0, chance.uniform(0, 2)))

    def inject(self, stage):
        stage.kill(self._names)

    def heal(self, stage):
        for name in self._back:
            stage.box.start_one(name)


class Failpoint(Fault):
    """The process kills itself at a named place, or a thread of it sleeps there."""

    def __init__(self, chance, victim, points):
        self._victim, self._point = victim, chance.choice(list(points))
        self._action = chance.choice(("kill", "kill", "kill", "sleep"))
        self._armed = f"{self._point}:{chance.randint(1, points[self._point])}:{self._action}"
        self.name = f"failpoint {victim} {self._armed}"

    def inject(self, stage):
        process = stage.box.processes[self._victim]
        stage.kill([self._victim])
        os.environ["SLUICE_FAILPOINTS"] = self._armed
        try:
            stage.box.start_one(self._victim)
        except StartFailed:
            if process.exit_code() != -KILLED:
                raise
        finally:
            del os.environ["SLUICE_FAILPOINTS"]
        if self._action != "kill":
            return
        if not within(REACHED_WITHIN_S, lambda: not process.running()):
            stage.counts["failpoints not reached"] += 1
            stage.kill([self._victim])
            return
        stage.counts["kills"] += 1
        stage.counts["kills at failpoints"] += 1
        stage.counts[f"{self._victim} at {self._point}"] += 1

    def heal(self, stage):
        if self._action == "kill":
            stage.box.start_one(self._victim)


class Stop(Fault):
    """SIGSTOP, for up to 10 s."""

    def __init__(self, chance, *names, at_least_s=0.5):
        self._names = names
        self.stays_s = chance.uniform(at_least_s, max(at_least_s, chance.choice((1, 3, 10))))
        self.name = f"stop {'+'.join(names)} for {self.stays_s:.1f} s"

    def inject(self, stage):
        stage.signal(self._names, signal.SIGSTOP)
        stage.counts["stops"] += 1

    def heal(self, stage):
        stage.signal(self._names, signal.SIGCONT)


class Disconnect(Fault):
    """Every TCP connection to a port breaks."""

    def __init__(self, what, address_in):
        self.name = f"disconnect from {what}"
        self._address_in = address_in

    def inject(self, stage):
        port = int(self._address_in(stage).rsplit(":", 1)[1])
        destroy(port, connections_to(port))
        stage.counts["disconnects"] += 1


class Flap(Fault):
    """A quarter of the connections to the broker breaks, some times."""

    def __init__(self, chance):
        self._chance = chance
        self.name = "flapping devices"

    def inject(self, stage):
        port = int(stage.box.mqtt.rsplit(":", 1)[1])
        for _ in range(5):
            open_now = connections_to(port)
            chosen = self._chance.sample(open_now, len(open_now) // 4)
            destroy(port, chosen)
            stage.counts["flaps"] += len(chosen)
            time.sleep(0.2)


def is_ours(pid):
    """Whether we started it, or what we started did."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def connections_to(port):
    """The local ports from which processes of ours are connected to a port."""
    lines = subprocess.run(["ss", "-Htnp", "state", "established", f"dport = :{port}"], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return sorted(int(line.split()[2].rsplit(":", 1)[1]) for line in lines if any(map(is_ours, map(int, re.findall(r"pid=(\d+)", line)))))


def destroy(port, local_ports):
    """Has the kernel abort those connections to a port, and no other: somebody else's may have the same local port."""
    for first in range(0, len(local_ports), 50):
        ends = " or ".join(f"( sport = :{local} and dport = :{port} )" for local in local_ports[first:first + 50])
        subprocess.run(["ss", "-Ktn", ends], check=True, capture_output=True)


class CloudCrash(Fault):
    """The subscriber forgets what it has not kept."""

    name = "cloud crashes"

    def inject(self, stage):
        stage.cloud.crash()
        stage.counts["cloud crashes"] += 1


class SlowCloud(Fault):
    """The subscriber reads no further; then it may crash."""

    def __init__(self, chance):
        self.stays_s = chance.uniform(1, 4)
        self._crashes = chance.random() < 0.5
        self.name = f"cloud is slow for {self.stays_s:.1f} s" + (", then crashes" if self._crashes else "")

    def inject(self, stage):
        stage.cloud.pause()
        stage.counts["slow cloud"] += 1

    def heal(self, stage):
        if self._crashes:
            stage.cloud.crash()
        else:
            stage.cloud.resume()


class ClockJump(Fault):
    """The wall clock of all services jumps, and stays there until it jumps again."""

    def __init__(self, chance):
        self._years = chance.uniform(-10, 10)
        self.name = f"the clock goes wrong by {self._years:.1f} years"

    def inject(self, stage):
        stage.shift_clock(int(self._years * 365 * 24 * 3600))
        stage.counts["clock jumps"] += 1
        stage.aged_commands.update(stage.commands)


class DiskFull(Fault):
    """Ingress's disk is full."""

    def __init__(self, chance):
        self.stays_s = chance.uniform(1, 4)
        self.name = f"disk full for {self.stays_s:.1f} s"

    def inject(self, stage):
        stage.storage.fill()
        stage.counts["full disks"] += 1

    def heal(self, stage):
        stage.storage.free()


class PowerCut(Fault):
    """The disk is copied as it stands, and another box recovers on the copy."""

    name = "power cut"

    def inject(self, stage):
        stage.cut_power()


class Poison(Fault):
    """Messages that nobody can read, through both brokers."""

    name = "poison"

    def inject(self, stage):
        for address in (stage.box.mqtt, stage.other_broker.mqtt):
            host, port = address.split(":")
            payload = f'{{"poison": {len(stage.poison)}-{port}'
            with contextlib.suppress(subprocess.TimeoutExpired):  # not acknowledged
                done = subprocess.run(["mosquitto_pub", "-h", host, "-p", port, "-q", "1", "-t", "devices/poisoner/telemetry", "-m",
                                       payload], capture_output=True, timeout=10, check=False)
                if done.returncode == 0:
                    stage.poison.append(payload)


class Commands(Fault):
    """Commands are sent, and not waited for."""

    name = "commands"

    def inject(self, stage):
        with grpc.insecure_channel(stage.box.grpc("registry")) as channel:
            stub = api("command_service_pb2_grpc").CommandServiceStub(channel)
            for actuator in stage.actuators():
                request = api("command_service_pb2").SendCommandRequest(device_id=actuator, name="identify")
                try:
                    stage.commands.append(stub.SendCommand(request, timeout=5).id)
                except grpc.RpcError as error:
                    stage.problems.append(f"a command to {actuator} was not accepted: {error.details()}")


class Together(Fault):
    """Several, healed in the same order: the later ones happen while the first is in force."""

    def __init__(self, *faults):
        self._faults = faults
        self.name = ", ".join(fault.name for fault in faults)
        self.stays_s = max(fault.stays_s for fault in faults)

    def inject(self, stage):
        for fault in self._faults:
            fault.inject(stage)

    def heal(self, stage):
        for fault in self._faults:
            fault.heal(stage)


def its_own(chance, kind):
    """The fault that a round of this kind is about, see stage.KINDS."""
    return {"image": PowerCut, "disk": lambda: DiskFull(chance), "overload": lambda: Stop(chance, "ingress", at_least_s=5),
            "plain": lambda: Kill(chance, *ALL)}[kind]()


def draw(chance, kind):
    """Any fault that may happen in a round of this kind."""
    possible = mild(chance) + ([] if kind == "overload" else deadly(chance))
    if kind == "disk":
        possible += [(2, lambda: DiskFull(chance)), (1, lambda: Together(DiskFull(chance), Kill(chance, "ingress")))]
    if kind == "image":
        possible += [(6, PowerCut)]
    weights, makers = zip(*possible)
    return chance.choices(makers, weights)[0]()


def mild(chance):
    """[(how often, what makes it)]: those after which still no message is gone that was not counted, not even of QoS 0."""
    return [
        (2, lambda: Stop(chance, chance.choice(ALL))),
        (2, CloudCrash),
        (1, lambda: SlowCloud(chance)),
        (1, lambda: ClockJump(chance)),
        (1, Poison),
        (1, Commands),
        (2 * MAY_BREAK, lambda: Disconnect("the other broker", lambda stage: stage.other_broker.mqtt)),
        (1 * MAY_BREAK, lambda: Disconnect("ingress", lambda stage: stage.box.grpc("ingress"))),
        (1 * MAY_BREAK, lambda: Disconnect("the registry", lambda stage: stage.box.grpc("registry"))),
    ]


def deadly(chance):
    """The others."""
    return [
        (6, lambda: Kill(chance, chance.choice(ALL))),
        (3, lambda: Kill(chance, "ingress")),
        (2, lambda: Kill(chance, "ingress", "mosquitto")),
        (2, lambda: Kill(chance, *ALL)),
        (9, lambda: Failpoint(chance, "ingress", FAILPOINTS)),
        (2, lambda: Failpoint(chance, "analytics", OF_ANALYTICS)),
        (2, lambda: Together(Stop(chance, "ingress"), Kill(chance, "ingress", "mosquitto"))),
        (1, lambda: Together(SlowCloud(chance), Kill(chance, "ingress"))),
        (1, lambda: Together(Poison(), Kill(chance, chance.choice(("ingress", "mosquitto"))))),
        (2, lambda: Together(Commands(), Kill(chance, chance.choice(("ingress", "registry"))))),
        (1 * MAY_BREAK, lambda: Disconnect("the broker", lambda stage: stage.box.mqtt)),
        (1 * MAY_BREAK, lambda: Flap(chance)),
    ]
