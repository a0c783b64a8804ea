"""Fleets of simulated devices that keep the ledger: what was sent, acknowledged and received. They are never
killed."""

import json
import re
import signal
import subprocess
import threading

from account import digest
from box import BINARIES

PROGRESS = re.compile(r"sent (\d+) .*acknowledged (\d+)  received (\d+)")
METRIC = "temperature"


class FleetProcess:
    """A fleetsim with these flags; runs until stop()."""

    def __init__(self, report, *flags):
        self._report = report
        command = [BINARIES["fleetsim"], "run", "--duration", "0", "--report", report, *flags]
        self._child = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.words = []
        self.sent = self.acknowledged = self.received = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._child.stderr:
            self.words = self.words[-20:] + [line]
            found = PROGRESS.search(line)
            if found:
                self.sent, self.acknowledged, self.received = map(int, found.groups())

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def stop(self, timeout_s=180):
        """Lets it send no more, waits for what is still out, and returns its report."""
        if self.running():
            self._child.send_signal(signal.SIGINT)
        self._child.wait(timeout_s)
        self._reader.join(5)
        if not self._report.exists():
            raise RuntimeError(f"fleetsim ended with {self._child.returncode} and no report: {''.join(self.words)}")
        return json.loads(self._report.read_text())

    def kill(self):
        """For the end of a run that failed."""
        self._child.kill()
        self._child.wait()


class Fleet(FleetProcess):
    """All of its devices speak MQTT, and a cloud subscriber of its own listens."""

    def __init__(self, box, report, devices, rate, *flags):
        super().__init__(report, "--mqtt", box.mqtt, "--mqtt-devices", devices, "--coap-devices", "0", "--rate", rate,
                         "--subscribe", box.grpc("ingress"), *flags)


class LedgerFleet(FleetProcess):
    """Writes a ledger, which catch_up() takes over into an account; the cloud is somebody else."""

    def __init__(self, name, directory, *flags):
        self.name = name
        self._ledger = directory / f"{name}.ledger"
        self._position = 0
        self.acknowledgements = 0
        super().__init__(directory / f"{name}.json", "--id-prefix", name, "--metric", METRIC, "--ledger", self._ledger,
                         "--settle", "60s", "--reconnect-delay", "300ms", *flags)

    def catch_up(self, account):
        """Takes over what was written since the last time; the end of the file may be up to 100 ms old."""
        if not self._ledger.exists():
            return
        with open(self._ledger, "rb") as file:
            file.seek(self._position)
            data = file.read()
        complete = data[:data.rfind(b"\n") + 1]
        self._position += len(complete)
        for line in complete.splitlines():
            self._enter(json.loads(line), account)

    def _enter(self, entry, account):
        # Each process numbers the messages of each device from its own first tag on.
        device, event = entry["device"], entry["event"]
        if event == "sent":
            if entry["seq"] == 0:
                self._first_tag = entry["tag"]
            time_us = entry["time_us"] // 1000 * 1000
            account.sent[device, entry["tag"]] = digest([(METRIC, entry["value"], time_us)])
            return
        key = device, self._first_tag + entry["seq"]
        if event == "acknowledged":
            account.acknowledged[key] = entry["by"]
            self.acknowledgements += 1
        else:
            account.refused[key] = entry["why"]
