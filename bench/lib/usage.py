"""What processes use: CPU time, memory, waits."""

import contextlib
import dataclasses
import pathlib
import re
import time

import machine
from process import cpu_seconds

MIB = 1 << 20


def voluntary_switches(pid):
    """How often its threads have given up the processor: to wait, mostly."""
    count = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            count += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.MULTILINE)[1])
    return count


def read_bytes(pid):
    """What its calls of read() have returned."""
    return int(re.search(r"^rchar: (\d+)", pathlib.Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)[1])


def memory_mib(pid):
    """(what is resident, without mapped rings; the rings' share)."""
    total = ring = 0
    in_ring = False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"^[0-9a-f]+-[0-9a-f]+ ", line):
            in_ring = line.endswith(".ring")
        elif line.startswith("Rss:"):
            kib = int(line.split()[1])
            total += kib
            ring += kib if in_ring else 0
    return (total - ring) / 1024, ring / 1024


@dataclasses.dataclass
class Usage:
    """What some processes have used at one moment."""

    at_s: float
    cpu_s: dict  # by name
    switches: dict
    read: dict  # bytes
    machine: tuple

    @staticmethod
    def of(pids):
        """Of {name: pid}."""
        return Usage(time.monotonic(), {name: cpu_seconds(pid) for name, pid in pids.items()},
                     {name: voluntary_switches(pid) for name, pid in pids.items()},
                     {name: read_bytes(pid) for name, pid in pids.items()}, machine.ticks())


@dataclasses.dataclass
class Spent:
    """What they used between two moments."""

    seconds: float
    cpu_s: dict
    switches: dict
    read: dict
    others_cores: float  # cores that all else on the machine took meanwhile

    @staticmethod
    def between(first, last):
        seconds = last.at_s - first.at_s
        everything, idle, _ = (b - a for a, b in zip(first.machine, last.machine))
        cpu_s, switches, read = ({name: after[name] - used for name, used in before.items()}
                                 for before, after in ((first.cpu_s, last.cpu_s), (first.switches, last.switches), (first.read, last.read)))
        return Spent(seconds, cpu_s, switches, read,
                     max(0, (everything - idle) * machine.CPU_TICK_S - sum(cpu_s.values())) / seconds)

    def cpu_us(self, messages):
        """Microseconds for each of so many messages, by process."""
        return {name: used * 1e6 / max(1, messages) for name, used in self.cpu_s.items()}

    def cores(self):
        return {name: used / self.seconds for name, used in self.cpu_s.items()}
