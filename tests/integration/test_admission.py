"""What is taken in once though it is sent twice, and what is not taken in since it is too much."""

import asyncio
import signal
import threading

import aiocoap
import grpc
import pytest
from harness import Box, Clients, Ports, api, coap_client, metric, mosquitto_pub, telemetry_from, value_of, wait_for

telemetry_service_pb2 = api("telemetry_service_pb2")
NAMES = ("mosquitto", "registry", "ingress")


def publish(clients, device, *message_ids):
    """Publishes one message for each id by gRPC; returns the results."""
    request = telemetry_service_pb2.PublishTelemetryRequest()
    for message_id in message_ids:
        request.telemetry.add(device_id=device, message_id=message_id).readings.add(metric="a", int_value=1)
    return clients.telemetry.PublishTelemetry(request, timeout=20).results


def publish_mqtt(box, device, payload, *flags):
    assert mosquitto_pub(box, f"devices/{device}/telemetry", payload, "-q", "1", *flags).returncode == 0


def with_id(message_id):
    return ("-V", "5", "-D", "publish", "user-property", "id", message_id)


def outcomes(box, protocol, outcome, **labels):
    return metric(box, "sluice_ingress_messages_total", protocol=protocol, outcome=outcome, **labels)


@pytest.fixture(name="own_box", scope="module")
def _own_box(tmp_path_factory):
    """A box whose ingress may be killed."""
    running = Box(tmp_path_factory.mktemp("own"), Ports.free())
    running.start(names=NAMES)
    yield running
    running.stop()


@pytest.fixture(name="limited_box", scope="module")
def _limited_box(tmp_path_factory):
    """A box on which a device may send two messages, and one more in a hundred seconds."""
    running = Box(tmp_path_factory.mktemp("limited"), Ports.free(),
                  {"ingress": ["admission.max_device_messages_per_s=0.01", "admission.device_burst_messages=2",
                               "admission.max_bytes_under_way=1MiB"]}, mqtt_source="paho")
    running.start(names=NAMES)
    yield running
    assert set(running.stop().values()) == {0}


def all_clients(box):
    """Of a box without analytics."""
    box.endpoints.setdefault("analytics", {"grpc": "127.0.0.1:1"})
    return Clients(box)


def test_the_same_message_id_has_one_effect(own_box):
    clients = all_clients(own_box)
    for payload in ("1", "1"):
        publish_mqtt(own_box, "twice", payload, *with_id("x"))
    publish_mqtt(own_box, "twice", "2")
    first, second = telemetry_from(clients, "twice", 2)
    assert [(m.message_id, value_of(m.readings[0])) for m in (first, second)] == [("x", 1), ("", 2)]
    assert coap_client(own_box, "post", "/devices/twice/telemetry?id=x", "1", "-t", "50").stderr == ""
    assert [(r.code, r.offset) for r in publish(clients, "twice", "x", "x")] == [(0, first.offset)] * 2
    assert publish(clients, "another", "x")[0].offset > second.offset, "another device's is another message"
    wait_for(lambda: [outcomes(own_box, p, "duplicate") for p in ("mqtt", "coap", "grpc")] == [1, 1, 2],
             "duplicates are counted")

    own_box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not own_box.processes["ingress"].running(), "ingress is gone")
    own_box.start_one("ingress")
    clients.close()
    clients = all_clients(own_box)
    assert publish(clients, "twice", "x")[0].offset == first.offset, "the window is there again"
    publish_mqtt(own_box, "twice", "1", *with_id("x"))
    assert coap_client(own_box, "post", "/devices/twice/telemetry?id=x", "1", "-t", "50").stderr == ""
    publish_mqtt(own_box, "twice", "3")
    assert [value_of(m.readings[0]) for m in telemetry_from(clients, "twice", 3)] == [1, 2, 3]
    assert metric(own_box, "sluice_ingress_message_ids") == 2
    clients.close()


def test_a_coap_device_over_its_rate(limited_box):
    path = "/devices/coap-fast/telemetry"
    for _ in range(2):
        assert coap_client(limited_box, "post", path, "1", "-t", "50").stderr == ""
    refused = coap_client(limited_box, "post", path, "1", "-t", "50").stderr
    assert refused.startswith("4.29"), refused
    assert "device coap-fast sends more than it may" in refused

    async def call():
        context = await aiocoap.Context.create_client_context()
        try:
            request = aiocoap.Message(uri=f"coap://{limited_box.coap}{path}", code=aiocoap.POST, payload=b"1")
            return await asyncio.wait_for(context.request(request).response, 20)
        finally:
            await context.shutdown()

    response = asyncio.run(call())
    assert response.code == aiocoap.TOO_MANY_REQUESTS
    assert 0 < response.opt.max_age <= 100
    coap_client(limited_box, "post", path, "1", "-N", "-t", "50", "-B", "1")  # hears nothing
    wait_for(lambda: outcomes(limited_box, "coap", "over_rate", qos=0) == 1, "a NON was shed")
    assert outcomes(limited_box, "coap", "over_rate", qos=1) == 2


def test_a_caller_over_a_devices_rate(limited_box):
    clients = all_clients(limited_box)
    results = publish(clients, "grpc-fast", "", "", "")
    assert [r.code for r in results] == [0, 0, 8]
    assert "device grpc-fast sends more than it may; again in 1m" in results[2].message
    clients.close()


def test_what_another_broker_acknowledged_is_flagged(limited_box):
    for payload in ("1", "2", "3"):
        publish_mqtt(limited_box, "mqtt-fast", payload)
    assert mosquitto_pub(limited_box, "devices/mqtt-fast/telemetry", "4", "-q", "0").returncode == 0
    wait_for(lambda: outcomes(limited_box, "mqtt", "over_rate", qos=0) == 1, "QoS 0 was shed")
    publish_mqtt(limited_box, "mqtt-fast", "5")
    clients = all_clients(limited_box)
    messages = telemetry_from(clients, "mqtt-fast", 4)
    clients.close()
    assert [(value_of(m.readings[0]), m.over_rate) for m in messages] == [(1, False), (2, False), (3, True), (5, True)]
    wait_for(lambda: outcomes(limited_box, "mqtt", "accepted_over_rate", qos=1) == 2, "flagged ones are counted")


def test_calls_beyond_the_budget_are_refused_and_memory_stays_flat(limited_box):
    """Eight callers, each of whose calls takes the whole budget."""
    clients = all_clients(limited_box)
    ingress = limited_box.processes["ingress"]
    request = telemetry_service_pb2.PublishTelemetryRequest()
    for device in range(10):
        message = request.telemetry.add(device_id=f"large-{device}")
        for number in range(1000):
            message.readings.add(metric=f"metric-{number}", int_value=number)
    refused, failures = [], []

    def call():
        for _ in range(12):
            try:
                clients.telemetry.PublishTelemetry(request, timeout=20)
            except grpc.RpcError as error:
                (refused if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED else failures).append(error.details())

    def run():
        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    run()
    before = ingress.memory_bytes()[0]
    run()
    assert refused and not failures
    wait_for(lambda: metric(limited_box, "sluice_ingress_bytes_under_way") == 0, "nothing is under way")
    wait_for(lambda: metric(limited_box, "sluice_dropped_total", reason="grpc_overload") == len(refused), "refusals are counted")
    assert publish(clients, "later", "")[0].code == 0
    assert ingress.memory_bytes()[0] < before + (32 << 20)
    clients.close()
