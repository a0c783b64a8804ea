"""Bad input by MQTT, CoAP and gRPC: the sender learns what is wrong and where, it shows in the dead
letters, and nothing else is disturbed."""

import subprocess
import threading

import aiocoap
import grpc
import paho.mqtt.client as mqtt
import pytest
from harness import (api, coap_client, dead_letters, mosquitto_pub, sluicectl, sluicectl_json, telemetry_from,
                     value_of, wait_for)
from test_ways_in import coap_request

telemetry_service_pb2 = api("telemetry_service_pb2")
registry_pb2 = api("registry_service_pb2")
device_pb2 = api("device_pb2")

BAD_PAYLOADS = {
    "empty": (b"", "empty"),
    "not-json": (b"temperature=21", ""),
    "truncated": (b'{"a": 1', ""),
    "not-utf8": (b'{"a": "\xff\xfe"}', "UTF-8"),
    "nan": (b'{"a": NaN}', "a"),
    "infinity": (b'{"a": Infinity}', "a"),
    "huge": (b'{"a": 1e999}', "a"),
    "deep-array": (b"[" * 32_768 + b"]" * 32_768, "nested"),
    "unclosed-array": (b"[" * 65_536, "nested"),
    "deep-object": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested"),
    "duplicate-key": (b'{"speed": 1, "speed": 2}', "speed"),
    "no-reading": (b"{}", ""),
    "int64-overflow": (b'{"a": 9223372036854775808}', "a"),
}


def publish_and_hear_the_error(box, device, payload):
    """Publishes as a device that listens to its errors; returns the first."""
    host, port = box.mqtt.split(":")
    heard, subscribed = [], threading.Event()
    client = mqtt.Client(client_id=f"listener-{device}")
    client.on_message = lambda c, u, message: heard.append(message.payload.decode())
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect(host, int(port))
    client.loop_start()
    client.subscribe(f"devices/{device}/errors", 1)
    assert subscribed.wait(10)
    client.publish(f"devices/{device}/telemetry", payload, qos=1)
    try:
        return wait_for(lambda: heard, f"an error for {device}")[0]
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("name", BAD_PAYLOADS)
def test_mqtt_payload(box, clients, name):
    payload, hint = BAD_PAYLOADS[name]
    device = f"bad-{name}"
    error = publish_and_hear_the_error(box, device, payload)
    letter = wait_for(lambda: [d for d in dead_letters(clients) if d.device_id == device], "a dead letter")[0]
    assert letter.reason == telemetry_service_pb2.DEAD_LETTER_REASON_MALFORMED
    assert letter.payload == payload
    assert letter.address == f"devices/{device}/telemetry"
    assert hint in letter.detail
    assert hint in error


def test_mqtt_64_kib_and_one_byte_more(box, clients):
    number = b'{"a": "' + b"x" * (65_536 - 9) + b'"}'
    assert len(number) == 65_536
    assert mosquitto_pub(box, "devices/large/telemetry", number, "-q", "1").returncode == 0
    assert len(value_of(telemetry_from(clients, "large", 1)[0].readings[0])) == 65_536 - 9
    publish_and_hear_the_error(box, "too-large", number + b" ")
    letter = wait_for(lambda: [d for d in dead_letters(clients) if d.device_id == "too-large"], "a dead letter")[0]
    assert letter.reason == telemetry_service_pb2.DEAD_LETTER_REASON_TOO_LARGE
    assert letter.payload_size_bytes == 65_537


def test_mqtt_nesting_of_100_000(box, clients):
    """More than the broker takes: it ends the connection without an acknowledgement, and nobody else's."""
    host, port = box.mqtt.split(":")
    ended, bystander = threading.Event(), mqtt.Client(client_id="bystander")
    client = mqtt.Client(client_id="deep", reconnect_on_failure=False)
    client.on_disconnect = lambda *_: ended.set()
    for each in (client, bystander):
        each.connect(host, int(port))
        each.loop_start()
    info = client.publish("devices/deep/telemetry", b"[" * 100_000 + b"]" * 100_000, qos=1)
    assert ended.wait(10)
    assert not info.is_published()
    bystander.publish("devices/bystander/telemetry", "1", qos=1).wait_for_publish(10)
    assert value_of(telemetry_from(clients, "bystander", 1)[0].readings[0]) == 1
    for each in (client, bystander):
        each.disconnect()
        each.loop_stop()


@pytest.mark.parametrize("device", ["", "..", "sp ace", "x" * 129, "caf\u00e9"])
def test_mqtt_illegal_device_id(box, clients, device):
    topic = f"devices/{device}/telemetry"
    assert mosquitto_pub(box, topic, "1", "-q", "1").returncode == 0
    letter = wait_for(lambda: [d for d in dead_letters(clients) if d.address == topic], "a dead letter")[0]
    assert letter.reason == telemetry_service_pb2.DEAD_LETTER_REASON_ILLEGAL_DEVICE_ID
    assert letter.device_id == device


def test_dead_letters_show_in_sluicectl(box):
    rows = sluicectl_json(box, "deadletters", "list")
    assert any(row["device_id"] == "bad-duplicate-key" for row in rows)
    assert "bad-duplicate-key" in sluicectl(box, "deadletters", "list").stdout


def test_a_large_whole_number_is_kept_exact(box, clients):
    mosquitto_pub(box, "devices/exact/telemetry", '{"n": 9007199254740993}', "-q", "1")
    reading = telemetry_from(clients, "exact", 1)[0].readings[0]
    assert reading.int_value == 9007199254740993


@pytest.mark.parametrize("name", BAD_PAYLOADS)
def test_coap_payload(box, clients, name):
    payload, hint = BAD_PAYLOADS[name]
    device = f"coap-bad-{name}"
    response = coap_request(box, path=f"/devices/{device}/telemetry", code=aiocoap.POST, payload=payload)
    assert response.code == aiocoap.BAD_REQUEST
    assert response.payload and hint in response.payload.decode()
    letter = wait_for(lambda: [d for d in dead_letters(clients) if d.device_id == device], "a dead letter")[0]
    assert letter.reason == telemetry_service_pb2.DEAD_LETTER_REASON_MALFORMED
    assert letter.payload == payload
    assert hint in letter.detail


COAP_CASES = [
    ("/devices/c1/telemetry", aiocoap.POST, b'{"a": NaN}', None, aiocoap.BAD_REQUEST, "a"),
    ("/devices/c1/telemetry", aiocoap.POST, b"", None, aiocoap.BAD_REQUEST, "empty"),
    ("/devices/c1/telemetry", aiocoap.POST, b"1", 11111, aiocoap.UNSUPPORTED_CONTENT_FORMAT, ""),
    ("/devices/c1/telemetry", aiocoap.GET, b"", None, aiocoap.METHOD_NOT_ALLOWED, ""),
    ("/devices/c1/telemetry", aiocoap.PUT, b"1", None, aiocoap.METHOD_NOT_ALLOWED, ""),
    ("/devices/c1/telemetry", aiocoap.DELETE, b"", None, aiocoap.METHOD_NOT_ALLOWED, ""),
    ("/devices/c1/nonsense", aiocoap.POST, b"1", None, aiocoap.NOT_FOUND, ""),
    ("/nonsense", aiocoap.GET, b"", None, aiocoap.NOT_FOUND, ""),
    ("/nonsense", aiocoap.DELETE, b"", None, aiocoap.NOT_FOUND, ""),
    ("/devices/sp%20ace/telemetry", aiocoap.POST, b"1", None, aiocoap.BAD_REQUEST, "byte 2"),
    ("/devices/c1/telemetry", aiocoap.POST, b"[" + b"1," * 40_000 + b"1]", None,
     aiocoap.REQUEST_ENTITY_TOO_LARGE, ""),
    ("/devices/c1/telemetry", aiocoap.POST, b"[" * 100_000 + b"]" * 100_000, None,
     aiocoap.REQUEST_ENTITY_TOO_LARGE, ""),
    ("/devices/c1/telemetry", aiocoap.POST, b'"' + b"x" * 65_534 + b'"' + b" ", None,
     aiocoap.REQUEST_ENTITY_TOO_LARGE, ""),
]


@pytest.mark.parametrize("path,code,payload,content_format,expected,hint", COAP_CASES)
def test_coap(box, path, code, payload, content_format, expected, hint):
    options = {} if content_format is None else {"content_format": content_format}
    response = coap_request(box, path=path, code=code, payload=payload, **options)
    assert response.code == expected
    assert hint in response.payload.decode()
    if expected == aiocoap.BAD_REQUEST:
        assert response.payload


def test_coap_client_sees_the_diagnostic(box):
    result = coap_client(box, "post", "/devices/c1/telemetry", '{"a": 1, "a": 2}')
    assert "4.00" in result.stderr


def code_of(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **{"timeout": 10, **options})
    return caught.value


def test_grpc_publish(clients):
    request = telemetry_service_pb2.PublishTelemetryRequest()
    assert code_of(clients.telemetry.PublishTelemetry, request).code() == grpc.StatusCode.INVALID_ARGUMENT
    for _ in range(1001):
        request.telemetry.add(device_id="g1").readings.add(metric="m", int_value=1)
    assert code_of(clients.telemetry.PublishTelemetry, request).code() == grpc.StatusCode.INVALID_ARGUMENT
    del request.telemetry[:]
    request.telemetry.add(device_id="a/b").readings.add(metric="m", int_value=1)
    request.telemetry.add(device_id="g1")
    request.telemetry.add(device_id="g1").readings.add(metric="m")
    request.telemetry.add(device_id="g1").readings.add(metric="m", double_value=float("nan"))
    request.telemetry.add(device_id="g1").readings.add(metric="m", int_value=1)
    results = clients.telemetry.PublishTelemetry(request, timeout=10).results
    assert [r.code for r in results] == [3, 3, 3, 3, 0]
    assert "device_id" in results[0].message
    assert all(r.message for r in results[:4])


def test_grpc_registry(clients):
    registry = clients.registry
    bad_id = registry_pb2.CreateDeviceRequest(device=device_pb2.Device(id="a b", sensor=device_pb2.Sensor()))
    error = code_of(registry.CreateDevice, bad_id)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "device.id" in error.details()
    assert dict(error.trailing_metadata()).get("grpc-status-details-bin")
    no_type = registry_pb2.CreateDeviceRequest(device=device_pb2.Device(id="x"))
    assert code_of(registry.CreateDevice, no_type).code() == grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(registry.GetDevice, registry_pb2.GetDeviceRequest(device_id="nobody")).code() == \
        grpc.StatusCode.NOT_FOUND
    for request in (registry_pb2.ListDevicesRequest(page_token="made-up"),
                    registry_pb2.ListDevicesRequest(page_size=-1),
                    registry_pb2.ListDevicesRequest(page_size=1001),
                    registry_pb2.ListDevicesRequest(filter="color = red")):
        assert code_of(registry.ListDevices, request).code() == grpc.StatusCode.INVALID_ARGUMENT
    registry.CreateDevice(
        registry_pb2.CreateDeviceRequest(device=device_pb2.Device(id="masked", sensor=device_pb2.Sensor())), timeout=10)
    update = registry_pb2.UpdateDeviceRequest(device=device_pb2.Device(id="masked"))
    update.update_mask.paths.append("create_time")
    error = code_of(registry.UpdateDevice, update)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "create_time" in error.details()
    batch = registry_pb2.BatchCreateDevicesRequest()
    for i in range(1001):
        batch.devices.add(id=f"b{i}").sensor.SetInParent()
    assert code_of(registry.BatchCreateDevices, batch).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_grpc_message_too_large(clients):
    request = telemetry_service_pb2.PublishTelemetryRequest()
    request.telemetry.add(device_id="g1").readings.add(metric="m", bytes_value=b"x" * (5 << 20))
    assert code_of(clients.telemetry.PublishTelemetry, request).code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_grpc_deadline(clients):
    request = telemetry_service_pb2.SubscribeTelemetryRequest()
    request.start.latest.SetInParent()
    with pytest.raises(grpc.RpcError) as caught:
        for _ in clients.telemetry.SubscribeTelemetry(request, timeout=0.5):
            pass
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    commands_pb2 = api("command_service_pb2")
    registry_device = device_pb2.Device(id="deaf", actuator=device_pb2.Actuator())
    clients.registry.CreateDevice(registry_pb2.CreateDeviceRequest(device=registry_device), timeout=10)
    send = commands_pb2.SendCommandRequest(device_id="deaf", name="wake")
    send.wait.seconds = 60
    assert code_of(clients.commands.SendCommand, send, timeout=0.5).code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_raw_garbage_disturbs_nobody(box, clients):
    host, port = box.coap.split(":")
    garbage = "import os,socket,sys; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); " \
              "[s.sendto(os.urandom(n % 200), (sys.argv[1], int(sys.argv[2]))) for n in range(2000)]"
    subprocess.run(["/usr/bin/python3", "-c", garbage, host, port], check=True, timeout=30)
    result = coap_client(box, "post", "/devices/calm/telemetry", "5")
    assert result.stderr == ""
    assert value_of(telemetry_from(clients, "calm", 1)[0].readings[0]) == 5
