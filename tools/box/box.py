"""A whole box: Mosquitto and the three services as child processes over one data directory."""

import dataclasses
import json
import os
import pathlib
import shutil
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
    # Another build of it, for the sanitizers: see tests/run.py.
    "plugin": pathlib.Path(os.environ.get("SLUICE_PLUGIN") or BIN / "services/mosquitto_plugin/sluice_mosquitto.so"),
}
SOURCES = ("plugin", "paho")


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


def mosquitto():
    """The words that start the broker, before its flags."""
    preload = os.environ.get("SLUICE_MOSQUITTO_PRELOAD")
    return [*(["/usr/bin/env", f"LD_PRELOAD={preload}"] if preload else []), "/usr/sbin/mosquitto"]


def memory_limit(directory):
    """What the broker may take, in bytes. What it has saved must fit with room to spare, or it would neither
    start nor let ingress in to take it."""
    saved = directory / "mosquitto.db"
    return BROKER_MEMORY_BYTES + (2 * saved.stat().st_size if saved.exists() else 0)


class Box:
    """Starts the processes in the order in which they need each other, and stops them in reverse."""

    def __init__(self, data_dir, ports_wanted=None, settings=None, mqtt_source="plugin", ends_with_us=True):
        self.data_dir = pathlib.Path(data_dir)
        self.settings = settings or {}  # service: list of PATH=VALUE; of the plugin: KEY=VALUE
        self.mqtt_source = mqtt_source
        self._broker_source = mqtt_source  # as the broker runs now
        self.endpoints = {}  # name: {what: HOST:PORT}
        self.processes = {}
        self._ports = ports_wanted or Ports()
        self._ends_with_us = ends_with_us  # as of Process

    # -- life ---------------------------------------------------------------------------------

    def start(self, say=lambda line: None, names=("mosquitto", "registry", "ingress", "analytics")):
        """Starts all; StartFailed tells what is wrong, after stopping what was started."""
        try:
            # Without the plugin, what comes before ingress has subscribed goes to nobody. So after a box with the
            # plugin the broker keeps it until ingress is there.
            self._broker_source = self._source_before()
            for name in names:
                say(f"starting {name}")
                self.start_one(name)
            if self._broker_source != self.mqtt_source:
                say("starting mosquitto again, without the plugin")
                self._broker_source = self.mqtt_source
                self.processes["mosquitto"].stop()
                self.start_one("mosquitto")
            (self.data_dir / "mosquitto/source").write_text(self.mqtt_source)
        except BaseException:
            self.stop()
            raise

    def _source_before(self):
        """How the broker is to be started first: as before, if that was with the plugin, else as wanted."""
        kept = self.data_dir / "mosquitto/source"
        return "plugin" if kept.exists() and kept.read_text() == "plugin" else self.mqtt_source

    def start_one(self, name):
        """Starts one of them (again) and waits until it serves."""
        process = self.processes.get(name)
        if process is None:
            command = self._mosquitto_command() if name == "mosquitto" else self.service_command(name)
            process = Process(name, command, self.data_dir / "logs" / f"{name}.log", self._ends_with_us)
            self.processes[name] = process
        elif name == "mosquitto":
            self._configure_mosquitto()
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
        process.command = self.service_command(name)
        if name == "ingress":
            # Ingress is ready once it has subscribed. Have its session saved, so that Mosquitto still
            # queues for it after kill -9.
            if "mosquitto" in self.processes:
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
        return [*mosquitto(), "-c", self.data_dir / "mosquitto/mosquitto.conf"]

    @property
    def ring(self):
        return self.data_dir.resolve() / "mosquitto/ring/mqtt.ring"

    def _configure_mosquitto(self):
        directory = self.data_dir / "mosquitto"
        self.ring.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "PORT": self._ports.mqtt,
            "DATA_DIR": directory.resolve(),
            # As root Mosquitto becomes another user, who could not write below our directory.
            "USER_LINE": "user root" if os.geteuid() == 0 else "",
            "MEMORY_LIMIT": memory_limit(directory),
            # Without the plugin what waits for ingress must not be dropped; with it, nothing that matters
            # waits, and what others leave waiting must not fill the broker.
            "MAX_QUEUED_MESSAGES": 10_000 if self._broker_source == "plugin" else 0,
        }
        config = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
        for name, value in values.items():
            config = config.replace(f"@{name}@", str(value))
        if self._broker_source == "plugin":
            config += self._plugin_lines(directory)
        extra = self.data_dir / "config/mosquitto.conf"
        if extra.exists():
            config += f"\n# From {extra}\n{extra.read_text()}"
        (directory / "mosquitto.conf").write_text(config)

    def _plugin_lines(self, directory):
        """The plugin and its options; last, so that options of a file of the user's own belong to it, too."""
        plugin = directory.resolve() / "sluice_mosquitto.so"
        # A broker may run with the old file: it must not be written over.
        fresh = plugin.with_suffix(".new")
        shutil.copyfile(BINARIES["plugin"], fresh)
        fresh.replace(plugin)
        options = [f"ring={self.ring}", f"own_client_id=sluice-{self._instance_id()}", *self.settings.get("plugin", [])]
        lines = [f"plugin {plugin}", *(f"plugin_opt_{option.replace('=', ' ', 1)}" for option in options)]
        return "\n# Takes telemetry in before it is acknowledged.\n" + "\n".join(lines) + "\n"

    def _instance_id(self):
        """As ingress will have it: of the settings given, of its file, or the default."""
        file = self.data_dir / "config/ingress.yaml"
        lines = file.read_text().splitlines() if file.exists() else []
        found = [line.partition(":")[2].split("#")[0].strip().strip("'\"") for line in lines if line.startswith("instance_id:")]
        found += [value for key, _, value in (s.partition("=") for s in self.settings.get("ingress", [])) if key == "instance_id"]
        return found[-1] if found else "ingress-1"

    def _mosquitto_answers(self):
        try:
            socket.create_connection(("127.0.0.1", self._ports.mqtt), timeout=1).close()
        except OSError:
            return False
        return True

    def service_command(self, name):
        known = self.endpoints.get(name, {})
        settings = [
            f"grpc.listen={known.get('grpc', f'127.0.0.1:{self._ports.grpc[name]}')}",
            f"metrics.listen={known.get('metrics', f'127.0.0.1:{self._ports.metrics[name]}')}",
        ]
        if name == "ingress":
            settings += [
                f"registry.address={self.grpc('registry')}",
                f"mqtt.brokers.0.address=tcp://{self.mqtt}",
                f"mqtt.brokers.0.source={self.mqtt_source}",
                f"mqtt.brokers.0.ring={self.ring}",
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
