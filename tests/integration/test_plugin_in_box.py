"""The plugin and what is behind it: what becomes of messages and devices in a box."""

import json
import pathlib
import shutil
import signal

import pytest
from broker import AS_NOBODY, ORDINARY, ROOT_ONLY, SIMPLE, connect
from harness import BINARIES, Box, Clients, Ports, metric, mosquitto_pub, sluicectl, sluicectl_json, telemetry_from, value_of, wait_for

import ports  # of tools/box, by harness
from fleet import Fleet  # of tests/torture, likewise
from process import Process
from ring_view import UNKNOWN_TOPIC, RingView

SERVICES = ("ingress", "registry", "analytics")
SUCCEEDED = "COMMAND_STATE_SUCCEEDED"


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


@pytest.mark.parametrize("file, settings, client_id", [
    ("", [], "sluice-ingress-1"),
    ('instance_id: "north"  # one of two\n', [], "sluice-north"),
    ("instance_id: north\n", ["instance_id=south"], "sluice-south"),
], ids=["default", "file", "setting"])
def test_what_comes_under_the_gateways_own_client_id_is_not_taken(tmp_path, file, settings, client_id):
    """The plugin is told that id, wherever `instance_id` is set."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config/ingress.yaml").write_text(file)
    box = Box(tmp_path, Ports.free(), {"ingress": settings})
    box.start_one("mosquitto")
    try:
        for sender in ("a-device", client_id):
            assert mosquitto_pub(box, "devices/a/telemetry", "1", "-q", "1", "-i", sender).returncode == 0
        ring = RingView(box.ring)
        assert (ring.taken, ring.counter(UNKNOWN_TOPIC)) == (1, 1)
    finally:
        box.stop()


@ROOT_ONLY
def test_ingress_as_another_user(home, brokers):
    """As docs/mqtt.md says: the broker's user (`mosquitto`) and ingress's (`nobody`) meet in a group."""
    (home / "ring").mkdir()
    shutil.chown(home / "ring", "mosquitto", "nogroup")
    (home / "ring").chmod(0o2770)
    broker = brokers(home, ORDINARY + "plugin_opt_ring_mode 0660\n").await_ready()
    (home / "ingress").mkdir()
    shutil.chown(home / "ingress", "nobody")
    settings = ("grpc.listen=127.0.0.1:0", "metrics.listen=", "coap.enabled=false", f"mqtt.brokers.0.ring={broker.ring}",
                "mqtt.brokers.0.source=plugin", f"mqtt.brokers.0.address=tcp://127.0.0.1:{broker.ports[0]}")
    program = shutil.copy(BINARIES["ingress"], home)
    ingress = Process("ingress", [*AS_NOBODY, program, f"--data-dir={home / 'ingress'}", *(f"--set={s}" for s in settings)],
                      home / "ingress.log")
    for number in range(10):
        assert broker.publish("devices/a/telemetry", str(number)).returncode == 0
    ingress.start()
    try:
        ingress.await_condition((home / "ingress/endpoints.json").exists, "endpoints.json")
        for number in range(10, 20):
            assert broker.publish("devices/a/telemetry", str(number)).returncode == 0
        ring = RingView(broker.ring)
        wait_for(lambda: ring.used_bytes == 0, "the ring is drained")
        found = sluicectl_json(broker, "telemetry", "tail", "--from", "earliest", "--count", 20)
        assert [message["readings"][0]["int_value"] for message in found] == [str(number) for number in range(20)]
        assert all("ring_position" in message for message in found)
    finally:
        assert ingress.stop() == 0


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
        wait_for(lambda: metric(box, "sluice_ingress_messages_total", kind="status", outcome="unchanged") == 2, "the retained statuses")
        assert all(command_succeeds(box, name) for name in devices)
    finally:
        for device in devices.values():
            device.disconnect()
            device.loop_stop()
        clients.close()
        assert not any(box.stop().values())
