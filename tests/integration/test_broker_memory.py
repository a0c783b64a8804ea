"""A broker without the plugin that runs out of the memory it may take while ingress is away: what it has acknowledged comes."""

import signal

import box as box_module  # of tools/box, by harness
import paho.mqtt.client as mqtt
from harness import Box, Clients, Ports, telemetry_from, value_of, wait_for

LIMIT_BYTES = 24 << 20
PADDING = "x" * 60_000


def fill(address):
    """Publishes until the broker takes no more; returns how many messages it has acknowledged, in their order."""
    client = mqtt.Client(client_id="filler")
    client.max_inflight_messages_set(1)
    acknowledged, lost = [], []
    client.on_publish = lambda _client, _userdata, mid: acknowledged.append(mid)
    client.on_disconnect = lambda _client, _userdata, _code: lost.append(True)
    host, port = address.split(":")
    client.connect(host, int(port))
    client.loop_start()
    try:
        number = 0
        while not lost:
            client.publish("devices/filler/telemetry", f'{{"n": {number}, "padding": "{PADDING}"}}', qos=1)
            number += 1
            wait_for(lambda: lost or len(acknowledged) == number, f"the acknowledgement of {number}")
            assert number * len(PADDING) < 2 * LIMIT_BYTES, "no limit"
    finally:
        client.disconnect()
        client.loop_stop()
    return len(acknowledged)


def test_a_broker_at_its_memory_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(box_module, "BROKER_MEMORY_BYTES", LIMIT_BYTES)
    box = Box(tmp_path, Ports.free(), mqtt_source="paho")
    box.start()
    try:
        box.processes["ingress"].signal(signal.SIGKILL)
        wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
        count = fill(box.mqtt)
        assert count * len(PADDING) > LIMIT_BYTES // 2
        # As docs/operating.md says: it saves what it has acknowledged, and starts with room for it.
        assert box.processes["mosquitto"].stop() == 0
        box.start_one("mosquitto")
        box.start_one("ingress")
        clients = Clients(box)
        numbers = [value_of(m.readings[0]) for m in telemetry_from(clients, "filler", count)]
        clients.close()
        assert numbers[:count] == list(range(count))
    finally:
        box.stop()
