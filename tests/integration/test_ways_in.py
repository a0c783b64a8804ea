"""A reading comes in by every way, from clients that are not ours, and goes out by gRPC."""

import asyncio
import json

import aiocoap
import paho.mqtt.client as mqtt
import paho.mqtt.properties as properties
import pytest
from harness import (api, coap_client, mosquitto_pub, sluicectl_json, telemetry_from, value_of, wait_for)

telemetry_pb2 = api("telemetry_pb2")
telemetry_service_pb2 = api("telemetry_service_pb2")


def test_mosquitto_pub(box, clients):
    assert mosquitto_pub(box, "devices/pub-1/telemetry", '{"temperature": 21.5, "ok": true}', "-q", "1").returncode == 0
    message = telemetry_from(clients, "pub-1", 1)[0]
    assert message.protocol == telemetry_pb2.PROTOCOL_MQTT
    assert {r.metric: value_of(r) for r in message.readings} == {"temperature": 21.5, "ok": True}
    assert message.received_time.seconds > 1_600_000_000


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_paho(box, clients, qos, version):
    device = f"paho-{version}-{qos}"
    host, port = box.mqtt.split(":")
    client = mqtt.Client(client_id=device, protocol=version)
    client.connect(host, int(port))
    client.loop_start()
    options = {}
    if version == mqtt.MQTTv5:
        options["properties"] = properties.Properties(properties.PacketTypes.PUBLISH)
        options["properties"].UserProperty = [("id", "m-7")]
    info = client.publish(f"devices/{device}/telemetry", "42", qos=qos, **options)
    info.wait_for_publish(10)
    message = telemetry_from(clients, device, 1)[0]
    client.disconnect()
    client.loop_stop()
    assert value_of(message.readings[0]) == 42
    assert message.message_id == ("m-7" if version == mqtt.MQTTv5 else "")


def test_coap_client(box, clients):
    result = coap_client(box, "post", "/devices/coap-1/telemetry?id=a1", '{"humidity": 40}', "-t", "50")
    assert result.stderr == ""
    message = telemetry_from(clients, "coap-1", 1)[0]
    assert message.protocol == telemetry_pb2.PROTOCOL_COAP
    assert message.message_id == "a1"
    assert value_of(message.readings[0]) == 40


def coap_request(box, **arguments):
    async def call():
        context = await aiocoap.Context.create_client_context()
        try:
            path = arguments.pop("path")
            request = aiocoap.Message(uri=f"coap://{box.coap}{path}", **arguments)
            return await asyncio.wait_for(context.request(request).response, 20)
        finally:
            await context.shutdown()

    return asyncio.run(call())


@pytest.mark.parametrize("mtype", [aiocoap.CON, aiocoap.NON])
def test_aiocoap(box, clients, mtype):
    device = f"aiocoap-{mtype.name}"
    response = coap_request(box, path=f"/devices/{device}/telemetry", code=aiocoap.POST, mtype=mtype, payload=b"7.25")
    assert response.code == aiocoap.CHANGED
    assert value_of(telemetry_from(clients, device, 1)[0].readings[0]) == 7.25


def test_coap_discovery(box):
    response = coap_request(box, path="/.well-known/core", code=aiocoap.GET)
    assert response.code == aiocoap.CONTENT
    assert response.opt.content_format == 40


def test_coap_block_wise(box, clients):
    payload = json.dumps({f"metric-{i}": i for i in range(500)}).encode()
    response = coap_request(box, path="/devices/block-1/telemetry", code=aiocoap.POST, payload=payload)
    assert response.code == aiocoap.CHANGED
    assert len(telemetry_from(clients, "block-1", 1)[0].readings) == 500


def test_grpc(clients):
    request = telemetry_service_pb2.PublishTelemetryRequest()
    for value in (1, 2**53 + 1):
        message = request.telemetry.add(device_id="grpc-1")
        message.readings.add(metric="count", int_value=value)
    response = clients.telemetry.PublishTelemetry(request, timeout=10)
    assert [r.code for r in response.results] == [0, 0]
    messages = telemetry_from(clients, "grpc-1", 2)
    assert [m.offset for m in messages] == [r.offset for r in response.results]
    assert [value_of(m.readings[0]) for m in messages] == [1, 2**53 + 1]


def test_an_unknown_device_registers_itself(box):
    mosquitto_pub(box, "devices/newcomer/telemetry", "1", "-q", "1")
    devices = wait_for(lambda: [d for d in sluicectl_json(box, "devices", "list") if d["id"] == "newcomer"],
                       "newcomer in the registry")
    assert devices[0]["labels"] == {"auto-registered": "true"}
    wait_for(lambda: sluicectl_json(box, "devices", "get", "newcomer")[0]["status"] == "DEVICE_STATUS_ONLINE",
             "newcomer online")


def test_a_status_reaches_the_registry(box):
    mosquitto_pub(box, "devices/moody/telemetry", "1", "-q", "1")
    mosquitto_pub(box, "devices/moody/status", '{"status": "error", "message": "fan stuck"}', "-r")
    device = wait_for(lambda: next((d for d in sluicectl_json(box, "devices", "list")
                                    if d["id"] == "moody" and d["status"] == "DEVICE_STATUS_ERROR"), None),
                      "moody in error")
    assert device["status_message"] == "fan stuck"
    assert coap_client(box, "post", "/devices/moody/status", "offline", "-t", "0").stderr == ""
    wait_for(lambda: sluicectl_json(box, "devices", "get", "moody")[0]["status"] == "DEVICE_STATUS_OFFLINE",
             "moody offline")
