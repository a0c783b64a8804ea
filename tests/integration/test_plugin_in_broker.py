"""The plugin inside of a Mosquitto that runs alone: how it is loaded, what it takes and refuses, as its devices see it."""

import shutil

import paho.mqtt.client as mqtt
import pytest
from broker import AS_NOBODY, AS_ROOT, ORDINARY, ROOT_ONLY, SIMPLE, connect
from harness import wait_for
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ring_view import UNKNOWN_TOPIC, RingView  # of tests/torture, by harness


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
    assert "two listeners load the plugin with different options" in brokers(tmp_path, config).await_failure()


def test_a_second_broker_on_the_same_ring(tmp_path, brokers):
    first = brokers(tmp_path, SIMPLE).await_ready()
    other = tmp_path / "other"
    other.mkdir()
    second = brokers(other, SIMPLE.replace("@PLUGIN@", f"@PLUGIN@\nplugin_opt_ring {first.ring}"))
    assert f"ring {first.ring}: another" in second.await_failure()
    assert first.publish("devices/a/telemetry").returncode == 0


@pytest.mark.parametrize("line, words", [
    ("plugin_opt_ring_byte 1MiB", "plugin_opt_ring_byte: unknown key; known here: ring, ring_bytes"),
    ("plugin_opt_ring_bytes 1KiB", "plugin_opt_ring_bytes is '1KiB'; must be 1MiB to 1024MiB"),
    ("plugin_opt_ring ring", "plugin_opt_ring is 'ring'; must be an absolute path"),
    ("plugin_opt_ring /no/such/ring", "ring /no/such/ring:"),
    ("plugin_opt_topic a/b+", "plugin_opt_topic is 'a/b+'; must be a topic filter"),
])
def test_wrong_options(tmp_path, brokers, line, words):
    assert words in brokers(tmp_path, SIMPLE + line + "\n").await_failure()


@ROOT_ONLY
@pytest.mark.parametrize("user, prefix", [("mosquitto", ()), ("nobody", AS_NOBODY)])
def test_as_another_user(home, brokers, user, prefix):
    """Started as root Mosquitto becomes `mosquitto`; started as an ordinary user it stays that one."""
    (home / "ring").mkdir(mode=0o700)
    shutil.chown(home / "ring", user)
    broker = brokers(home, ORDINARY, prefix).await_ready()
    assert broker.publish("devices/a/telemetry").returncode == 0
    assert RingView(broker.ring).taken == 1
    assert broker.ring.owner() == user


@ROOT_ONLY
def test_a_ring_that_the_brokers_user_may_not_enter(home, brokers):
    (home / "ring").mkdir(mode=0o700)
    assert "Permission denied" in brokers(home, ORDINARY).await_failure()


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
