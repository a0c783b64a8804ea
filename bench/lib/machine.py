"""The machine that is measured on: what it is, and whether it does anything else."""

import os
import pathlib
import platform
import re
import time

CPU_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
# Cores that all else on the machine may take: with more, figures change in either direction.
QUIET_CORES = 0.2


def description():
    """What somebody needs to know to compare figures with those of another machine."""
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release(),
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20}


def ticks():
    """Ticks of all processors so far: (all, idle, taken by other guests of the host)."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(fields[:8]), fields[3] + fields[4], fields[7]


def busy_cores(seconds=1):
    """Cores that are in use now."""
    first = ticks()
    time.sleep(seconds)
    everything, idle, _ = (b - a for a, b in zip(first, ticks()))
    return (everything - idle) * CPU_TICK_S / seconds
