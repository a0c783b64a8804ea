"""The plugin inside of a real Mosquitto: how it is loaded, what it takes and refuses, as its devices see it."""

import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

import paho.mqtt.client as mqtt
import pytest
from harness import (BINARIES, ROOT, Box, Clients, Ports, mosquitto_pub, sluicectl, sluicectl_json, telemetry_from, value_of,
                     wait_for)
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

sys.path.insert(0, str(ROOT / "tests/torture"))

import ports  # of tools/box, by harness  # noqa: E402  pylint: disable=wrong-import-position
from fleet import Fleet  # noqa: E402  pylint: disable=wrong-import-position
from box import mosquitto  # noqa: E402  pylint: disable=wrong-import-position
from ring_view import UNKNOWN_TOPIC, RingView  # noqa: E402  pylint: disable=wrong-import-position

SERVICES = ("ingress", "registry", "analytics")
SUCCEEDED = "COMMAND_STATE_SUCCEEDED"
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")


class Broker:
    """Mosquitto with the plugin alone, from a configuration of the test's own."""

    def __init__(self, directory, config, user=None):
        self.directory = directory
        self.ring = directory / "ring/mqtt.ring"
        self.log = directory / "log"
        (directory / "ring").mkdir(exist_ok=True)
        plugin = directory / "plugin.so"
        if not plugin.exists():
            shutil.copyfile(BINARIES["plugin"], plugin)
        self.ports = [ports.free_port(), ports.free_port()]
        values = {"PLUGIN": f"plugin {plugin}\nplugin_opt_ring {self.ring}\nplugin_opt_ring_bytes 1MiB",
                  "P0": self.ports[0], "P1": self.ports[1]}
        for name, value in values.items():
            config = config.replace(f"@{name}@", str(value))
        (directory / "mosquitto.conf").write_text(config + "\nlog_dest stderr\nlog_type all\n")
        (directory / "mosquitto.conf").chmod(0o644)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [*mosquitto(), "-c", directory / "mosquitto.conf"], stdout=log, stderr=log, user=user)

    def words(self):
        return self.log.read_text(errors="replace")

    def await_ready(self):
        def answers():
            assert self.process.poll() is None, self.words()
            try:
                socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1).close()
            except OSError:
                return False
            return True

        wait_for(answers, "the broker answers")
        return self

    def publish(self, topic, payload="1", *flags, port=0):
        return subprocess.run(["mosquitto_pub", "-p", str(self.ports[port]), "-q", "1", "-t", topic, "-m", payload, *flags],
                              capture_output=True, timeout=30, check=False, text=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def brokers():
    """Makes brokers, and stops them."""
    made = []

    def make(*arguments, **keywords):
        made.append(Broker(*arguments, **keywords))
        return made[-1]

    yield make
    for broker in made:
        if broker.process.poll() is None:
            broker.process.kill()
            broker.process.wait()


AS_ROOT = "user root\n" if os.geteuid() == 0 else ""
SIMPLE = AS_ROOT + "listener @P0@ 127.0.0.1\nallow_anonymous true\n@PLUGIN@\n"


def test_one_listener(tmp_path, brokers):
    broker = brokers(tmp_path, SIMPLE).await_ready()
    for number in range(10):
        assert broker.publish("devices/a/telemetry", str(number)).returncode == 0
    assert RingView(broker.ring).taken == 10
    assert broker.stop() == 0


def test_per_listener_settings(tmp_path, brokers):
    config = AS_ROOT + ("per_listener_settings true\n"
                        "listener @P0@ 127.0.0.1\nallow_anonymous true\n@PLUGIN@\n"
                        "listener @P1@ 127.0.0.1\nallow_anonymous true\n@PLUGIN@\n")
    broker = brokers(tmp_path, config).await_ready()
    assert broker.publish("devices/a/telemetry", port=0).returncode == 0
    assert broker.publish("devices/a/telemetry", port=1).returncode == 0
    assert RingView(broker.ring).taken == 2
    assert broker.stop() == 0, broker.words()


def test_loaded_twice_for_the_same_listeners_a_message_is_taken_once(tmp_path, brokers):
    broker = brokers(tmp_path, SIMPLE + "@PLUGIN@\n").await_ready()
    assert broker.publish("devices/a/telemetry").returncode == 0
    assert RingView(broker.ring).taken == 1
    assert broker.stop() == 0, broker.words()


def test_two_listeners_with_different_options(tmp_path, brokers):
    config = AS_ROOT + ("per_listener_settings true\n"
                        "listener @P0@ 127.0.0.1\nallow_anonymous true\n@PLUGIN@\n"
                        "listener @P1@ 127.0.0.1\nallow_anonymous true\n@PLUGIN@\nplugin_opt_topic a/+\n")
    broker = brokers(tmp_path, config)
    assert broker.process.wait(20) != 0
    assert "two listeners load the plugin with different options" in broker.words()


def test_a_second_broker_on_the_same_ring(tmp_path, brokers):
    first = brokers(tmp_path, SIMPLE).await_ready()
    other = tmp_path / "other"
    other.mkdir()
    second = brokers(other, SIMPLE.replace("@PLUGIN@", f"@PLUGIN@\nplugin_opt_ring {first.ring}"))
    assert second.process.wait(20) != 0
    assert f"ring {first.ring}: another" in second.words()
    assert first.publish("devices/a/telemetry").returncode == 0


@pytest.mark.parametrize("line, words", [
    ("plugin_opt_ring_byte 1MiB", "plugin_opt_ring_byte: unknown key; known here: ring, ring_bytes"),
    ("plugin_opt_ring_bytes 1KiB", "plugin_opt_ring_bytes is '1KiB'; must be 1MiB to 1024MiB"),
    ("plugin_opt_ring ring", "plugin_opt_ring is 'ring'; must be an absolute path"),
    ("plugin_opt_ring /no/such/ring", "ring /no/such/ring:"),
    ("plugin_opt_topic a/b+", "plugin_opt_topic is 'a/b+'; must be a topic filter"),
])
def test_wrong_options(tmp_path, brokers, line, words):
    broker = brokers(tmp_path, SIMPLE + line + "\n")
    assert broker.process.wait(20) != 0
    assert words in broker.words()


@ROOT_ONLY
@pytest.mark.parametrize("config, user", [(SIMPLE.replace("user root\n", ""), None), (SIMPLE.replace("user root\n", ""), "nobody")])
def test_as_another_user(tmp_path_factory, brokers, config, user):
    """Started as root Mosquitto becomes `mosquitto`; started as an ordinary user it stays that one."""
    home = tmp_path_factory.mktemp("home")
    # pytest's directories are 0700 for root.
    directory = home
    while directory != directory.parent and directory.stat().st_mode & 0o055 != 0o055:
        directory.chmod(0o755)
        directory = directory.parent
    (home / "ring").mkdir()
    shutil.chown(home / "ring", user or "mosquitto")
    (home / "ring").chmod(0o700)
    broker = brokers(home, config, user=user).await_ready()
    assert broker.publish("devices/a/telemetry").returncode == 0
    assert RingView(broker.ring).taken == 1
    assert broker.ring.stat().st_uid == pwd.getpwnam(user or "mosquitto").pw_uid


@ROOT_ONLY
def test_a_ring_that_the_brokers_user_may_not_enter(tmp_path, brokers):
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring").chmod(0o700)
    broker = brokers(tmp_path, SIMPLE.replace("user root\n", ""))
    assert broker.process.wait(20) != 0
    assert "Permission denied" in broker.words()


def test_what_is_taken_and_what_is_not(tmp_path, brokers):
    broker = brokers(tmp_path, SIMPLE).await_ready()
    for topic in ("devices/a/telemetry", "devices//telemetry", "devices/a/commands/1/response"):
        assert broker.publish(topic).returncode == 0
    for topic in ("devices/a/status", "devices/a/commands", "devices/a/telemetry/x", "other/a/telemetry"):
        assert broker.publish(topic).returncode == 0
    assert broker.publish("devices/a/telemetry", "1", "-i", "sluice-ingress-1").returncode == 0
    ring = RingView(broker.ring)
    assert ring.taken == 3
    assert ring.counter(UNKNOWN_TOPIC) == 2, "one deeper than telemetry, one under the gateway's id"


def test_mqtt_5_hears_that_there_is_no_other_subscriber(tmp_path, brokers):
    broker = brokers(tmp_path, SIMPLE).await_ready()
    told = broker.publish("devices/a/telemetry", "1", "-V", "5", "-d")
    assert "PUBACK (Mid: 1, RC:16)" in told.stdout
    assert RingView(broker.ring).taken == 1


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


@pytest.mark.parametrize("protocol", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_a_refused_device_is_disconnected_without_its_will(tmp_path, brokers, protocol):
    """Nobody reads this ring, and the plugin does not wait for anybody to."""
    broker = brokers(tmp_path, SIMPLE + "plugin_opt_no_reader_grace_s 0\n").await_ready()
    watcher = connect(broker.ports[0], "watcher")
    watcher.subscribe("devices/+/status", 1)
    assert watcher.subscribed.wait(10)
    for qos in (1, 2):
        device = connect(broker.ports[0], "a", protocol, ("devices/a/status", "offline", 1))
        info = device.publish("devices/a/telemetry", "1", qos=qos)
        assert device.gone.wait(10), "the connection was not closed"
        assert not info.is_published()
        device.loop_stop()
    # QoS 0 is lost, and the device stays.
    device = connect(broker.ports[0], "b", protocol, ("devices/b/status", "offline", 1))
    device.publish("devices/b/telemetry", "1", qos=0).wait_for_publish(10)
    device.publish("devices/b/status", "online", qos=1).wait_for_publish(10)
    # This one ends by itself: its Will comes, and is the only one.
    device._sock_close()  # pylint: disable=protected-access
    wait_for(lambda: len(watcher.heard) >= 2, "the Will of b")
    assert [(m.topic, m.payload) for m in watcher.heard] == [
        ("devices/b/status", b"online"), ("devices/b/status", b"offline")]
    ring = RingView(broker.ring)
    assert ring.taken == 0
    assert ring.refused()["no_reader"] == 2
    assert "messages are refused: no_reader" in broker.words()
    watcher.disconnect()
    device.loop_stop()
    assert broker.stop() == 0


def test_a_refused_websocket_is_closed_like_any_other(tmp_path, brokers):
    config = AS_ROOT + ("listener @P0@ 127.0.0.1\nlistener @P1@ 127.0.0.1\nprotocol websockets\nallow_anonymous true\n"
                        "@PLUGIN@\nplugin_opt_no_reader_grace_s 0\n")
    broker = brokers(tmp_path, config).await_ready()
    watcher = connect(broker.ports[0], "watcher")
    watcher.subscribe("devices/+/status", 1)
    assert watcher.subscribed.wait(10)
    for _ in range(20):
        device = connect(broker.ports[1], "a", will=("devices/a/status", "offline", 1), transport="websockets")
        info = device.publish("devices/a/telemetry", "1", qos=1)
        assert device.gone.wait(10), "the connection was not closed"
        assert not info.is_published()
        device.loop_stop()
    assert broker.publish("devices/b/status", "online").returncode == 0
    wait_for(lambda: watcher.heard, "what is said at the end")
    assert [m.topic for m in watcher.heard] == ["devices/b/status"], "no Will was sent"
    assert RingView(broker.ring).refused()["no_reader"] == 20
    watcher.disconnect()
    watcher.loop_stop()
    assert broker.stop() == 0


def test_mqtt_5_properties(tmp_path, brokers):
    broker = brokers(tmp_path, SIMPLE).await_ready()
    client = connect(broker.ports[0], "five", mqtt.MQTTv5)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/json"
    properties.ResponseTopic = "devices/five/receipts"
    properties.CorrelationData = b"\x00\x01"
    properties.UserProperty = [("x", "y"), ("id", "message-7"), ("id", "message-8")] + [("k", "v")] * 200
    client.publish("devices/five/telemetry", "1", qos=1, properties=properties).wait_for_publish(10)
    ring = broker.ring.read_bytes()
    assert b"devices/five/telemetryfivemessage-7application/jsondevices/five/receipts\x00\x011" in ring
    assert b"message-8" not in ring
    client.disconnect()
    client.loop_stop()
    assert broker.stop() == 0


@pytest.fixture(scope="module")
def plugin_box(tmp_path_factory):
    box = Box(tmp_path_factory.mktemp("plugin-box"), Ports.free(), {"ingress": ["mqtt.brokers.0.max_device_messages_per_s=20"]})
    box.start()
    yield box
    assert not any(box.stop().values())


@pytest.fixture(scope="module")
def plugin_clients(plugin_box):
    clients = Clients(plugin_box)
    yield clients
    clients.close()


def test_the_sender_travels_with_the_message(plugin_box, plugin_clients):
    assert mosquitto_pub(plugin_box, "devices/known/telemetry", "1", "-q", "1", "-i", "who-it-was").returncode == 0
    message = telemetry_from(plugin_clients, "known", 1)[0]
    assert message.sender.client_id == "who-it-was"
    assert message.ring_position.ring_id


def test_what_cannot_be_read_is_acknowledged_and_becomes_a_dead_letter(plugin_box):
    assert mosquitto_pub(plugin_box, "devices/bad/telemetry", "{", "-q", "2", "-i", "sloppy").returncode == 0
    rows = wait_for(lambda: [r for r in sluicectl_json(plugin_box, "deadletters", "list") if r["device_id"] == "bad"], "dead letter")
    assert rows[0]["sender"]["client_id"] == "sloppy"


def test_unknown_topics_are_shown(plugin_box):
    assert mosquitto_pub(plugin_box, "devices/a/telemetri", "1", "-q", "1", "-i", "typist").returncode == 0
    rows = wait_for(lambda: sluicectl_json(plugin_box, "unknown-topics"), "an unknown topic")
    assert (rows[0]["topic"], rows[0]["last_sender"]["client_id"]) == ("devices/a/telemetri", "typist")


def test_a_device_over_its_rate_is_refused_for_a_while(plugin_box, plugin_clients):
    port = int(plugin_box.mqtt.split(":")[1])
    fast = connect(port, "fast")
    sent = 0
    while not fast.gone.is_set() and sent < 20_000:
        fast.publish("devices/fast/telemetry", str(sent), qos=1).wait_for_publish(1)
        sent += 1
    assert fast.gone.wait(10), "nobody stopped it"
    fast.loop_stop()
    assert mosquitto_pub(plugin_box, "devices/steady/telemetry", "1", "-q", "1").returncode == 0
    assert value_of(telemetry_from(plugin_clients, "steady", 1)[0].readings[0]) == 1
    assert RingView(plugin_box.ring).refused()["rate"] >= 1


def test_a_deleted_ring_is_refused_and_made_anew(plugin_box, plugin_clients):
    assert mosquitto_pub(plugin_box, "devices/before/telemetry", "1", "-q", "1").returncode == 0
    old = RingView(plugin_box.ring)
    wait_for(lambda: old.used_bytes == 0, "the ring is drained")
    plugin_box.ring.unlink()
    # Within a second it is noticed; drained, it is made anew at once.
    wait_for(lambda: mosquitto_pub(plugin_box, "devices/after/telemetry", "1", "-q", "1").returncode == 0 and plugin_box.ring.exists(),
             "a new ring")
    assert value_of(telemetry_from(plugin_clients, "before", 1)[0].readings[0]) == 1
    assert mosquitto_pub(plugin_box, "devices/last/telemetry", "1", "-q", "1").returncode == 0
    assert value_of(telemetry_from(plugin_clients, "last", 1)[0].readings[0]) == 1
    telemetry_from(plugin_clients, "after", 1)


def test_a_broker_without_the_plugin_that_ingress_counts_on(tmp_path):
    """It says so, and takes telemetry by a subscription."""
    box = Box(tmp_path, Ports.free(), {"ingress": ["mqtt.brokers.0.source=plugin"]}, mqtt_source="paho")
    box.start()
    try:
        assert mosquitto_pub(box, "devices/a/telemetry", "1", "-q", "1").returncode == 0
        clients = Clients(box)
        assert value_of(telemetry_from(clients, "a", 1)[0].readings[0]) == 1
        clients.close()
        assert "no plugin has the ring" in (tmp_path / "logs/ingress.log").read_text()
    finally:
        box.stop()


def test_ingress_as_another_user(tmp_path, brokers):
    """As docs/mqtt.md says: the broker's user and ingress's meet in a group."""
    broker = brokers(tmp_path, SIMPLE + "plugin_opt_ring_mode 0660\n").await_ready()
    for name in ("mqtt.ring", "mqtt.ring.lock", "mqtt.ring.reader.lock"):
        assert (broker.ring.parent / name).stat().st_mode & 0o777 == 0o660


@pytest.mark.parametrize("first, second", [("paho", "plugin"), ("plugin", "paho")])
def test_a_change_of_source_loses_nothing(tmp_path, first, second):
    """A box is stopped and started with the other source, while its devices never cease to send."""
    wanted = Ports(mqtt=ports.free_port(), coap=0, grpc={n: ports.free_port() for n in SERVICES},
                   metrics={n: 0 for n in SERVICES})
    names = ("mosquitto", "registry", "ingress")
    box = Box(tmp_path / "data", wanted, mqtt_source=first)
    box.start(names=names)
    fleet = Fleet(box, tmp_path / "report.json", 20, 500, "--settle", "40s")
    try:
        for source in (second, first):
            flowing = fleet.acknowledged + 1000
            wait_for(lambda: fleet.acknowledged > flowing, "messages flow")  # pylint: disable=cell-var-from-loop
            assert not any(box.stop().values())
            box = Box(tmp_path / "data", wanted, mqtt_source=source)
            box.start(names=names)
            # The broker that runs now has the plugin, or has it not.
            maps = pathlib.Path(f"/proc/{box.processes['mosquitto'].pid}/maps").read_text()
            assert ("sluice_mosquitto.so" in maps) == (source == "plugin")
        flowing = fleet.acknowledged + 1000
        wait_for(lambda: fleet.acknowledged > flowing, "messages flow")
        report = fleet.stop()
        assert report["lost"] == 0, report
        assert report["acknowledged"] > 3000
    finally:
        fleet.kill()
        box.stop()


def mqtt_port(box):
    return int(box.mqtt.split(":")[1])


def status_of(box, device_id):
    """What the registry says of a device; None if it does not know it."""
    devices = {device["id"]: device["status"] for device in sluicectl_json(box, "devices", "list")}
    return devices.get(device_id, "").removeprefix("DEVICE_STATUS_") or None


def await_status(box, device_id, status):
    wait_for(lambda: status_of(box, device_id) == status, f"{device_id} {status}")


def let_the_registry_catch_up(box, witness, kind, payload):
    """Another device sends something: once that is known, so is what came before it the same way."""
    assert mosquitto_pub(box, f"devices/{witness}/{kind}", payload, "-q", "1").returncode == 0
    await_status(box, witness, "ONLINE")


def device_with_a_will(box, device_id):
    """Connected, and online in the registry."""
    device = connect(mqtt_port(box), device_id, will=(f"devices/{device_id}/status", "offline", 1))
    device.publish(f"devices/{device_id}/status", "online", qos=1).wait_for_publish(10)
    await_status(box, device_id, "ONLINE")
    return device


def test_a_will_that_overtook_older_telemetry_counts(plugin_box):
    """The Will comes by the session, at once; the telemetry before it lies in the ring behind thousands of others."""
    device = device_with_a_will(plugin_box, "gone")
    watcher, others = connect(mqtt_port(plugin_box), "watcher"), connect(mqtt_port(plugin_box), "others")
    watcher.subscribe("devices/gone/status", 1)
    assert watcher.subscribed.wait(10)
    plugin_box.processes["ingress"].signal(signal.SIGSTOP)
    try:
        for number in range(5000):
            others.publish(f"devices/other-{number % 10}/telemetry", "1")
        others.publish("devices/other-0/telemetry", "1", qos=1).wait_for_publish(20)
        device.publish("devices/gone/telemetry", "1", qos=1).wait_for_publish(10)
        device._sock_close()  # pylint: disable=protected-access
        wait_for(lambda: any(message.payload == b"offline" for message in watcher.heard), "the Will")
    finally:
        plugin_box.processes["ingress"].signal(signal.SIGCONT)
    for client in (device, watcher, others):
        client.disconnect()
        client.loop_stop()
    await_status(plugin_box, "gone", "OFFLINE")
    let_the_registry_catch_up(plugin_box, "witness-of-telemetry", "telemetry", "1")
    assert status_of(plugin_box, "gone") == "OFFLINE"
    assert mosquitto_pub(plugin_box, "devices/gone/telemetry", "2", "-q", "1").returncode == 0
    await_status(plugin_box, "gone", "ONLINE")


def test_a_refused_device_stays_online(plugin_box):
    device = device_with_a_will(plugin_box, "hasty")
    for number in range(20_000):
        if device.gone.is_set():
            break
        device.publish("devices/hasty/telemetry", str(number), qos=1).wait_for_publish(1)
    assert device.gone.wait(10), "nobody stopped it"
    device.loop_stop()
    let_the_registry_catch_up(plugin_box, "witness-of-statuses", "status", "online")
    assert status_of(plugin_box, "hasty") == "ONLINE"


def obey(client, device_id):
    """Answers the device's commands from now on, and hears its errors."""

    def on_message(_client, _userdata, message):
        client.heard.append(message)
        if message.topic.endswith("/commands"):
            command_id = json.loads(message.payload)["command_id"]
            client.publish(f"devices/{device_id}/commands/{command_id}/response", "{}", qos=1)

    client.on_message = on_message
    client.subscribe([(f"devices/{device_id}/commands", 2), (f"devices/{device_id}/errors", 1)])
    assert client.subscribed.wait(10)


def command_succeeds(box, device_id):
    result = sluicectl_json(box, "command", "send", device_id, "open", "--wait", "10s")[0]
    return result["state"] == SUCCEEDED


def test_an_acknowledged_answer_survives_the_death_of_broker_and_ingress(plugin_box):
    sluicectl(plugin_box, "devices", "create", "mortal", "--type", "actuator", "--command", "open")
    device = connect(mqtt_port(plugin_box), "mortal")
    device.subscribe("devices/mortal/commands", 2)
    assert device.subscribed.wait(10)
    sent = sluicectl_json(plugin_box, "command", "send", "mortal", "open")[0]["id"]
    wait_for(lambda: device.heard, "the command")
    plugin_box.processes["ingress"].signal(signal.SIGSTOP)
    device.publish(f"devices/mortal/commands/{sent}/response", '{"status": "succeeded", "result": 7}', qos=1).wait_for_publish(10)
    for name in ("mosquitto", "ingress"):
        plugin_box.processes[name].signal(signal.SIGKILL)
        wait_for(lambda name=name: not plugin_box.processes[name].running(), f"the end of {name}")
    for name in ("mosquitto", "ingress"):
        plugin_box.start_one(name)
    device.loop_stop()
    done = wait_for(lambda: (c := sluicectl_json(plugin_box, "command", "get", sent)[0])["state"] == SUCCEEDED and c, "the answer")
    assert done["result"] == 7


def test_a_second_broker_without_the_plugin(tmp_path, brokers):
    """What is for a device goes out at the broker where it is, also after a restart of ingress."""
    second = brokers(tmp_path, SIMPLE.replace("@PLUGIN@\n", "")).await_ready()
    box = Box(tmp_path / "box", Ports.free(), {"ingress": [f"mqtt.brokers.1.address=tcp://127.0.0.1:{second.ports[0]}"]})
    box.start()
    clients = Clients(box)
    devices = {"here": connect(mqtt_port(box), "here"), "there": connect(second.ports[0], "there")}
    try:
        for name, device in devices.items():
            sluicectl(box, "devices", "create", name, "--type", "actuator", "--command", "open")
            obey(device, name)
            device.publish(f"devices/{name}/status", "online", qos=1, retain=True).wait_for_publish(10)
            device.publish(f"devices/{name}/telemetry", "7", qos=1).wait_for_publish(10)
            message = telemetry_from(clients, name, 1)[0]
            assert value_of(message.readings[0]) == 7
            assert message.HasField("ring_position") == (name == "here")
            device.publish(f"devices/{name}/telemetry", "{", qos=1).wait_for_publish(10)
            wait_for(lambda name=name, device=device: any(m.topic == f"devices/{name}/errors" for m in device.heard),
                     f"the error {name}")
            assert command_succeeds(box, name)
        assert box.processes["ingress"].stop() == 0
        box.start_one("ingress")
        # The statuses that the brokers keep tell where the devices are.
        wait_for(lambda: retained_statuses(box) == 2, "the retained statuses")
        assert all(command_succeeds(box, name) for name in devices)
    finally:
        for device in devices.values():
            device.disconnect()
            device.loop_stop()
        clients.close()
        assert not any(box.stop().values())


def retained_statuses(box):
    """So many came since the start and were known."""
    page = urllib.request.urlopen(f"http://{box.metrics('ingress')}/metrics", timeout=10).read().decode()
    return sum(int(line.split()[-1]) for line in page.splitlines()
               if line.startswith("sluice_ingress_messages_total{") and 'kind="status",outcome="unchanged"' in line)
