"""A fleet of simulated devices that keeps the ledger: what was sent, acknowledged and received. It is never
killed."""

import json
import re
import signal
import subprocess
import threading

from box import BINARIES

PROGRESS = re.compile(r"sent (\d+) .*acknowledged (\d+)  received (\d+)")


class Fleet:
    """Runs until stop(); all of its devices speak MQTT, and a cloud subscriber of its own listens."""

    def __init__(self, box, report, devices, rate, *flags):
        self._report = report
        command = [
            BINARIES["fleetsim"], "run", "--mqtt", box.mqtt, "--mqtt-devices", devices, "--coap-devices", "0", "--rate", rate,
            "--duration", "0", "--subscribe", box.grpc("ingress"), "--report", report, *flags,
        ]
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
