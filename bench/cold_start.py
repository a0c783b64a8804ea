"""How long a box takes to be back after a restart: from the exec of the three services at once until all of them are SERVING by
gRPC's health protocol, a subscriber gets the backlog, and analytics goes on with it.

    ./sluice bench cold_start [--rounds 5] [--json DIR]

What they find: 1,000,000 messages in ingress's journal, each with a message id; 100,000 devices in the registry and in
ingress's copy; in analytics a checkpoint of as many series as it keeps, from which half of the journal is still to be read. Every
round starts from a copy of that. It is in the page cache: what a disk takes to read it, 150 MB or so, comes on top.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import case
import usage
from box import BIN, Box, Ports
from process import Process, StartFailed
from many_devices import await_analysed

SERVICES = ("registry", "ingress", "analytics")
PREFIX = "sim"
SAVED_S = 15  # in which ingress has saved its copy of the devices, and analytics a checkpoint


class Prepared:
    """A data directory like that, made at its first use and kept until the end."""

    def __init__(self):
        self._directory = None
        self._box = None

    def copy(self, flags):
        """A copy of it, and a box that is to be started there, at known ports."""
        if not self._directory:
            self._make(flags)
        directory = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        shutil.copytree(self._directory.name, directory, dirs_exist_ok=True)
        self._box.data_dir = directory
        return self._box

    def _make(self, flags):
        # pylint: disable-next=consider-using-with
        self._directory = tempfile.TemporaryDirectory(prefix="sluice-bench-")
        self._box = Box(self._directory.name, Ports.free())
        try:
            self._box.start()
            self._fill(flags)
            await_analysed(self._box, flags.records // 2)
            time.sleep(0 if flags.quick else SAVED_S)
            self._box.processes["analytics"].stop()
            self._fill(flags)
        finally:
            self._box.stop()

    def _fill(self, flags):
        """Half of the records."""
        subprocess.run([str(part) for part in (BIN / "bench/fill", self._box.grpc("registry"), self._box.grpc("ingress"), PREFIX,
                                               flags.devices, flags.records // 2, "ids")], check=True,
                       stdout=subprocess.DEVNULL)


PREPARED = Prepared()


def measure(flags):
    if flags.quick:
        flags.devices, flags.records = 200, 2_000
    box = PREPARED.copy(flags)
    shutil.rmtree(box.data_dir / "mosquitto")  # begins anew, and is no part of this
    processes = [Process(name, box.service_command(name), box.data_dir / "logs" / f"{name}.log") for name in SERVICES]
    try:
        box.start(names=("mosquitto",))
        began = time.monotonic()
        for process in processes:
            process.start()
        waiting = subprocess.run([BIN / "bench/await_box", *(box.grpc(name) for name in SERVICES), f"{PREFIX}-00001"],
                                 stdout=subprocess.PIPE, text=True, check=False, timeout=120)
        if waiting.returncode != 0:
            raise StartFailed("; ".join(process.last_words() for process in processes))
        after_s = {what: at - began for what, at in json.loads(waiting.stdout).items()}
        after_s["all"] = max(after_s.values())
        memory = {process.name: usage.memory_mib(process.pid)[0] for process in processes}
    finally:
        for process in processes:
            process.stop()
        box.stop()
        shutil.rmtree(box.data_dir)
    return {"after_s": after_s, "rss_mib": memory}


def add_flags(parser):
    parser.add_argument("--devices", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--records", type=int, default=1_000_000, help="in ingress's journal (default: 1000000)")


ARMS = [case.Arm("sluice", "the box", measure)]
COLUMNS = [*(case.Column(f"{name} serving, s", ("after_s", name), 2) for name in SERVICES),
           case.Column("subscriber has records, s", ("after_s", "subscriber"), 2),
           case.Column("analytics reads on, s", ("after_s", "analysis"), 2),
           *(case.Column(f"RSS {name}, MiB", ("rss_mib", name), 0) for name in SERVICES)]
GOALS = [case.Goal("all of that, s", lambda of_round: case.figure(of_round.get("sluice"), ("after_s", "all")), at_most=5)]


def main():
    parser = case.arguments("cold_start", __doc__, add_flags)
    return case.run("cold_start", "Cold start", parser, ARMS, COLUMNS, GOALS)


if __name__ == "__main__":
    sys.exit(main())
