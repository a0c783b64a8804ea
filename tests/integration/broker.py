"""What the tests of the plugin share: a Mosquitto of their own, and its clients."""

import os
import shutil
import socket
import subprocess
import threading

import paho.mqtt.client as mqtt
import pytest
from harness import BINARIES, wait_for

import ports  # of tools/box, by harness
from box import mosquitto  # likewise
from process import Process

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
AS_NOBODY = ("/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
AS_ROOT = "user root\n" if os.geteuid() == 0 else ""
ORDINARY = "listener @P0@ 127.0.0.1\nallow_anonymous true\n@PLUGIN@\n"
SIMPLE = AS_ROOT + ORDINARY


class Broker:
    """Mosquitto with the plugin alone, from a configuration of the test's own; `prefix`: words before its command."""

    def __init__(self, data_dir, config, prefix=()):
        self.data_dir = data_dir
        self.ring = data_dir / "ring/mqtt.ring"
        (data_dir / "ring").mkdir(exist_ok=True)
        plugin = data_dir / "plugin.so"
        if not plugin.exists():
            shutil.copyfile(BINARIES["plugin"], plugin)
        self.ports = [ports.free_port(), ports.free_port()]
        values = {"PLUGIN": f"plugin {plugin}\nplugin_opt_ring {self.ring}\nplugin_opt_ring_bytes 1MiB",
                  "P0": self.ports[0], "P1": self.ports[1]}
        for name, value in values.items():
            config = config.replace(f"@{name}@", str(value))
        file = data_dir / "mosquitto.conf"
        file.write_text(config + "\nlog_dest stderr\nlog_type all\n")
        file.chmod(0o644)
        self.process = Process("mosquitto", [*prefix, *mosquitto(), "-c", file], data_dir / "log")
        self.process.start()

    def words(self):
        return self.process.log_path.read_text(errors="replace")

    def await_ready(self):
        self.process.await_condition(self._answers, "answer on its port")
        return self

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1).close()
        except OSError:
            return False
        return True

    def await_failure(self):
        """It does not start; returns what it says."""
        wait_for(lambda: not self.process.running(), "the end of the broker")
        assert self.process.exit_code() != 0
        return self.words()

    def publish(self, topic, payload="1", *flags, port=0):
        return subprocess.run(["mosquitto_pub", "-p", str(self.ports[port]), "-q", "1", "-t", topic, "-m", payload, *flags],
                              capture_output=True, timeout=30, check=False, text=True)

    def stop(self):
        return self.process.stop()


def connect(port, client_id, protocol=mqtt.MQTTv311, will=None, transport="tcp"):
    """A connected client; `client.gone` is set when its connection ends."""
    client = mqtt.Client(client_id=client_id, protocol=protocol, reconnect_on_failure=False, transport=transport,
                         **({} if protocol == mqtt.MQTTv5 else {"clean_session": False}))
    client.gone, client.subscribed, client.heard = threading.Event(), threading.Event(), []
    client.on_disconnect = lambda *_: client.gone.set()
    client.on_subscribe = lambda *_: client.subscribed.set()
    client.on_message = lambda c, u, message: client.heard.append(message)
    if will:
        client.will_set(*will)
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_for(client.is_connected, "connected")
    return client
