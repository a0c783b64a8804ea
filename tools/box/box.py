"""A whole box: Mosquitto and the three services as child processes over one data directory."""

import dataclasses
import json
import os
import pathlib
import signal
import socket

import ports
from process import Process, StartFailed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / ".bazel/bin"
BROKER_MEMORY_BYTES = 512 << 20
BINARIES = {
    "registry": BIN / "services/registry/sluice-registry",
    "ingress": BIN / "services/ingress/sluice-ingress",
    "analytics": BIN / "services/analytics/sluice-analytics",
    "sluicectl": BIN / "tools/sluicectl/sluicectl",
    "fleetsim": BIN / "tools/fleetsim/fleetsim",
}


@dataclasses.dataclass
class Ports:
    """The ports of a box; 0 picks a free one."""

    mqtt: int = 1883
    coap: int = 5683
    grpc: dict = dataclasses.field(
        default_factory=lambda: {"ingress": 7101, "registry": 7102, "analytics": 7103})
    metrics: dict = dataclasses.field(
        default_factory=lambda: {"ingress": 9101, "registry": 9102, "analytics": 9103})

    @staticmethod
    def free():
        none = {"ingress": 0, "registry": 0, "analytics": 0}
        return Ports(mqtt=0, coap=0, grpc=dict(none), metrics=dict(none))


def memory_limit(directory):
    """What the broker may take, in bytes. What it has saved must fit with room to spare, or it would neither
    start nor let ingress in to take it."""
    saved = directory / "mosquitto.db"
    return BROKER_MEMORY_BYTES + (2 * saved.stat().st_size if saved.exists() else 0)


class Box:
    """Starts the processes in the order in which they need each other, and stops them in reverse."""

    def __init__(self, data_dir, ports_wanted=None, settings=None):
        self.data_dir = pathlib.Path(data_dir)
        self.settings = settings or {}  # service: list of PATH=VALUE
        self.endpoints = {}  # name: {what: HOST:PORT}
        self.processes = {}
        self._ports = ports_wanted or Ports()

    # -- life ---------------------------------------------------------------------------------

    def start(self, say=lambda line: None):
        """Starts all; StartFailed tells what is wrong, after stopping what was started."""
        try:
            for name in ("mosquitto", "registry", "ingress", "analytics"):
                say(f"starting {name}")
                self.start_one(name)
        except BaseException:
            self.stop()
            raise

    def start_one(self, name):
        """Starts one of them (again) and waits until it serves."""
        process = self.processes.get(name)
        if process is None:
            command = self._mosquitto_command() if name == "mosquitto" else self._service_command(name)
            process = Process(name, command, self.data_dir / "logs" / f"{name}.log")
            self.processes[name] = process
        if name != "mosquitto":
            self._endpoints_path(name).unlink(missing_ok=True)
        process.start()
        self._await_ready(name)

    def _await_ready(self, name):
        process = self.processes[name]
        if name == "mosquitto":
            process.await_condition(self._mosquitto_answers, "answer on its port")
            return
        self.endpoints[name] = process.await_condition(lambda: self._read_endpoints(name), "endpoints.json")
        # Should it have to start again, it comes back where its clients know it to be.
        process.command = self._service_command(name)
        if name == "ingress":
            # Ingress is ready once it has subscribed. Have its session saved, so that Mosquitto still
            # queues for it after kill -9.
            self.processes["mosquitto"].signal(signal.SIGUSR1)

    def watch(self, say):
        """Restarts what died; call it now and then."""
        for process in self.processes.values():
            if not process.running():
                if process.name == "mosquitto":
                    self._configure_mosquitto()
                else:
                    self._endpoints_path(process.name).unlink(missing_ok=True)
            if process.watch(say):
                say(f"{process.name} is started again (pid {process.pid})")

    def stop(self):
        """Stops all in the order in which nothing is lost; returns {name: exit code}."""
        codes = {}
        for name in ("analytics", "ingress", "registry", "mosquitto"):
            if name in self.processes:
                codes[name] = self.processes[name].stop()
        return codes

    # -- addresses ----------------------------------------------------------------------------

    def grpc(self, service):
        return self.endpoints[service]["grpc"]

    def metrics(self, service):
        return self.endpoints[service]["metrics"]

    @property
    def mqtt(self):
        return self.endpoints["mosquitto"]["mqtt"]

    @property
    def coap(self):
        return self.endpoints["ingress"]["coap"]

    # -- commands -----------------------------------------------------------------------------

    def _mosquitto_command(self):
        if self._ports.mqtt == 0:
            self._ports.mqtt = ports.free_port()
        port = self._ports.mqtt
        if ports.is_taken(port):
            who = ports.owner(port)
            raise StartFailed(f"MQTT port {port} is taken{' by ' + who if who else ''}; "
                              "free it or choose another one with --mqtt-port")
        self.endpoints["mosquitto"] = {"mqtt": f"127.0.0.1:{port}"}
        self._configure_mosquitto()
        return ["/usr/sbin/mosquitto", "-c", self.data_dir / "mosquitto/mosquitto.conf"]

    def _configure_mosquitto(self):
        directory = self.data_dir / "mosquitto"
        directory.mkdir(parents=True, exist_ok=True)
        template = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
        config = template.replace("@PORT@", str(self._ports.mqtt)).replace("@DATA_DIR@", str(directory.resolve()))
        # As root Mosquitto becomes another user, who could not write below our directory.
        user = "user root" if os.geteuid() == 0 else ""
        config = config.replace("@USER_LINE@", user).replace("@MEMORY_LIMIT@", str(memory_limit(directory)))
        (directory / "mosquitto.conf").write_text(config)

    def _mosquitto_answers(self):
        try:
            socket.create_connection(("127.0.0.1", self._ports.mqtt), timeout=1).close()
        except OSError:
            return False
        return True

    def _service_command(self, name):
        known = self.endpoints.get(name, {})
        settings = [
            f"grpc.listen={known.get('grpc', f'127.0.0.1:{self._ports.grpc[name]}')}",
            f"metrics.listen={known.get('metrics', f'127.0.0.1:{self._ports.metrics[name]}')}",
        ]
        if name == "ingress":
            settings += [
                f"registry.address={self.grpc('registry')}",
                f"mqtt.broker=tcp://{self.mqtt}",
                f"coap.listen={known.get('coap', f'127.0.0.1:{self._ports.coap}')}",
            ]
        elif name == "analytics":
            settings.append(f"ingress.address={self.grpc('ingress')}")
        settings += self.settings.get(name, [])
        command = [BINARIES[name], f"--data-dir={self.data_dir / name}"]
        config = self.data_dir / "config" / f"{name}.yaml"
        if config.exists():
            command.append(f"--config={config}")
        return command + [f"--set={setting}" for setting in settings]

    def _endpoints_path(self, name):
        return self.data_dir / name / "endpoints.json"

    def _read_endpoints(self, name):
        try:
            return json.loads(self._endpoints_path(name).read_text())
        except (OSError, ValueError):
            return None
