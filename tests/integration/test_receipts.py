"""Receipts on MQTT 5 Response Topics, by both ways in, to clients that are not ours."""

import json
import signal
import subprocess

import paho.mqtt.client as mqtt
import pytest
from harness import Box, Clients, Ports, dead_letters, metric, mosquitto_pub, sluicectl, telemetry_from, wait_for
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


@pytest.fixture(scope="module", params=["plugin", "paho"])
def box(request, tmp_path_factory):
    running = Box(tmp_path_factory.mktemp("box"), Ports.free(), mqtt_source=request.param)
    running.start()
    yield running
    assert not any(running.stop().values())


@pytest.fixture
def clients(box):
    stubs = Clients(box)
    yield stubs
    stubs.close()


class Device:
    """A client of MQTT 5 that hears what others say below its topics."""

    def __init__(self, box, device_id, below="#", session_expiry_s=0):
        self.id = device_id
        self.answers = {}
        self.others = []
        self._subscribed = False
        self._client = mqtt.Client(client_id=device_id, protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._expiry = Properties(PacketTypes.CONNECT)
        self._expiry.SessionExpiryInterval = session_expiry_s
        host, port = box.mqtt.split(":")
        self._client.connect(host, int(port), clean_start=session_expiry_s == 0, properties=self._expiry)
        self._client.loop_start()
        self._client.subscribe(f"devices/{device_id}/{below}", options=mqtt.SubscribeOptions(qos=1, noLocal=True))
        wait_for(lambda: self._subscribed, "the subscription")

    def _on_subscribe(self, *_):
        self._subscribed = True

    def _on_message(self, _client, _userdata, message):
        correlation = getattr(message.properties, "CorrelationData", None)
        if correlation is None:
            self.others.append(message)
        else:
            self.answers.setdefault(correlation, []).append(message)

    def publish(self, payload, correlation, topic=None, response_topic=None, qos=1, message_id=None):
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = response_topic or f"devices/{self.id}/receipts"
        properties.CorrelationData = correlation
        if message_id is not None:
            properties.UserProperty = [("id", message_id)]
        self._client.publish(topic or f"devices/{self.id}/telemetry", payload, qos=qos, properties=properties).wait_for_publish(10)

    def answer(self, correlation):
        """What came with it, as an object."""
        messages = wait_for(lambda: self.answers.get(correlation), f"the answer {correlation}")
        assert messages[0].properties.ContentType == "application/json"
        return json.loads(messages[0].payload)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def device(box, request):
    made = Device(box, f"d-{request.node.name.split('[')[0]}")
    yield made
    made.close()


def test_mosquitto_rr(box, clients):
    port = box.mqtt.split(":")[1]
    answer = subprocess.run(
        ["mosquitto_rr", "-p", port, "-V", "5", "-q", "1", "-t", "devices/rr/telemetry", "-m", "21.5", "-e", "devices/rr/receipts",
         "-D", "publish", "correlation-data", "17", "-W", "15"], capture_output=True, timeout=30, check=True)
    assert json.loads(answer.stdout) == {"offset": telemetry_from(clients, "rr", 1)[0].offset}


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_each_message_its_offset(clients, device, qos):
    for number in range(50):
        device.publish(str(number), bytes([0, 255, qos, number]), qos=qos)
    offsets = [device.answer(bytes([0, 255, qos, number])) for number in range(50)]
    messages = telemetry_from(clients, device.id, 50 * (qos + 1))[-50:]
    assert offsets == [{"offset": message.offset} for message in messages]
    assert all(len(messages) == 1 for messages in device.answers.values())


def test_a_refused_message_gets_its_error(clients, device):
    device.publish("{", b"bad")
    error = device.answer(b"bad")
    assert error["reason"] == "MALFORMED"
    assert error["topic"] == f"devices/{device.id}/telemetry"
    assert any(letter.device_id == device.id for letter in dead_letters(clients))
    notice = wait_for(lambda: [m for m in device.others if m.topic.endswith("/errors")], "the notice for others")
    assert json.loads(notice[0].payload) == error


def test_where_no_answer_may_go(box, clients, device):
    """A loop, another device's topics, a command: nothing is said there, and the telemetry counts."""
    before = metric(box, "sluice_dropped_total", reason="mqtt_receipts_topic")
    elsewhere = Device(box, f"{device.id}-2")
    topics = [f"devices/{device.id}/{name}" for name in ("telemetry", "status", "commands", "commands/x/response", "errors")]
    topics.append(f"devices/{elsewhere.id}/receipts")
    for number, topic in enumerate(topics):
        device.publish(str(number), b"nobody", response_topic=topic)
    # An answer behind all those that must not come.
    device.publish("7", b"last")
    device.answer(b"last")
    elsewhere.publish("7", b"last")
    elsewhere.answer(b"last")
    wait_for(lambda: metric(box, "sluice_dropped_total", reason="mqtt_receipts_topic") == before + len(topics), "all are counted")
    assert len(telemetry_from(clients, device.id, len(topics) + 1)) == len(topics) + 1
    assert list(device.answers) == list(elsewhere.answers) == [b"last"]
    assert not [letter for letter in dead_letters(clients) if letter.device_id == device.id]
    elsewhere.close()


def test_receipts_wait_for_a_device_that_keeps_its_session(box):
    sleeper = Device(box, "sleeper", below="receipts", session_expiry_s=60)
    sleeper.close()
    before = metric(box, "sluice_mqtt_receipts_total")
    assert mosquitto_pub(box, "devices/sleeper/telemetry", "1", "-q", "1", "-V", "5", "-D", "publish", "response-topic",
                         "devices/sleeper/receipts", "-D", "publish", "correlation-data", "late").returncode == 0
    wait_for(lambda: metric(box, "sluice_mqtt_receipts_total") > before, "the receipt goes out")
    sleeper = Device(box, "sleeper", below="receipts", session_expiry_s=60)
    assert "offset" in sleeper.answer(b"late")
    sleeper.close()


def test_what_was_taken_while_ingress_was_dead_is_answered(box, device):
    """The plugin's ring, or the broker's queue, keeps the wish along with the message."""
    box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
    for number in range(20):
        device.publish(str(number), b"%d" % number)
    box.start_one("ingress")
    answers = [device.answer(b"%d" % number) for number in range(20)]
    clients = Clients(box)
    assert answers == [{"offset": message.offset} for message in telemetry_from(clients, device.id, 20)]
    clients.close()


def test_receipts_are_no_unknown_topics(box, device):
    """And nothing that Sluice says comes in as something said to it."""
    before = metric(box, "sluice_mqtt_receipts_total")
    device.publish("1", b"1")
    device.answer(b"1")
    wait_for(lambda: metric(box, "sluice_mqtt_receipts_total") > before, "the receipt is counted")
    assert "receipts" not in sluicectl(box, "unknown-topics").stdout
    assert metric(box, "sluice_dropped_total", reason="mqtt_unknown_topic") == 0


def test_none_by_a_session_of_3_1_1(tmp_path):
    """It has no place for Correlation Data; the telemetry, and the wish along with it, come by the ring."""
    box = Box(tmp_path, Ports.free(), {"ingress": ["mqtt.brokers.0.protocol_version=3"]})
    box.start()
    try:
        device = Device(box, "d")
        device.publish("1", b"1")
        clients = Clients(box)
        telemetry_from(clients, "d", 1)
        clients.close()
        wait_for(lambda: metric(box, "sluice_dropped_total", reason="mqtt_receipts_unsupported") == 1, "it is counted")
        assert not device.answers
        device.close()
    finally:
        assert not any(box.stop().values())
