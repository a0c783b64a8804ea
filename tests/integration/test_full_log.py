"""A log that is full of what a subscriber has not acknowledged: each way in refuses in its own words, nothing that was
acknowledged is lost, and all goes on once the subscription is gone."""

import re
import subprocess
import urllib.request

import grpc
import pytest
from harness import Box, Clients, Ports, api, coap_client, mosquitto_pub, sluicectl, telemetry_from, wait_for

FULL = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture(name="full_box", params=["plugin", "paho"])
def box_with_a_full_log(request, tmp_path):
    """A box, its clients, and the source of its MQTT messages."""
    settings = {"ingress": ["journal.max_bytes=1MiB", "journal.hard_max_bytes=2MiB", "journal.segment_bytes=256KiB"],
                "analytics": ["checkpoint_interval=1s"]}
    box = Box(tmp_path / "data", Ports.free(), settings, mqtt_source=request.param)
    box.start()
    clients = Clients(box)
    sluicectl(box, "subscriptions", "create", "cloud")
    request_of = api("telemetry_service_pb2").PublishTelemetryRequest

    def refused(size):
        publish = request_of()
        publish.telemetry.add(device_id="filler").readings.add(metric="n", string_value="x" * size)
        try:
            clients.telemetry.PublishTelemetry(publish, timeout=10)
        except grpc.RpcError as error:
            assert error.code() == FULL, error
            assert "RetryInfo" in str(error.trailing_metadata()), error.trailing_metadata()
            return "hard_max_bytes is 2097152" in error.details()
        return False

    # The last one leaves no room for anything smaller.
    for size in (4000, 1):
        wait_for(lambda size=size: refused(size), f"{size} more bytes are refused")
    yield box, clients, request.param
    clients.close()
    box.stop()


def metric(box, line):
    with urllib.request.urlopen(f"http://{box.metrics('ingress')}/metrics", timeout=5) as response:
        found = re.search(rf"^{line} (\S+)$", response.read().decode(), re.MULTILINE)
        return float(found.group(1)) if found else None


def test_each_way_in_refuses_and_recovers(full_box):
    box, clients, source = full_box
    answer = coap_client(box, "post", "/devices/c/telemetry", '{"n": 1}')
    assert "5.03" in answer.stdout + answer.stderr
    wait_for(lambda: metric(box, "sluice_serving") == 0, "health is NOT_SERVING")
    # The ring takes it, or the broker itself: acknowledged, and not to be lost.
    assert mosquitto_pub(box, "devices/m/telemetry", '{"n": 1}', "-q", "1").returncode == 0
    if source == "paho":
        wait_for(lambda: metric(box, r'sluice_ingress_mqtt_connected\{broker="[^"]*"\}') == 0, "ingress has left the broker")
    else:
        wait_for(lambda: metric(box, r'sluice_ring_held_back_total\{broker="[^"]*"\}') >= 1, "the ring is held back")
    sluicectl(box, "subscriptions", "delete", "cloud")
    assert len(telemetry_from(clients, "m", 1, timeout_s=40)) == 1
    wait_for(lambda: metric(box, "sluice_serving") == 1, "health is SERVING")
    answer = subprocess.run(["coap-client-openssl", "-m", "post", "-e", '{"n": 2}', f"coap://{box.coap}/devices/c/telemetry"],
                            capture_output=True, text=True, timeout=30, check=False)
    assert "5.03" not in answer.stdout + answer.stderr
    assert len(telemetry_from(clients, "c", 1)) == 1
