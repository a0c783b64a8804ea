"""A command goes out to a device and its answer comes back, also over a restart of ingress."""

import json
import signal

import paho.mqtt.client as mqtt
import pytest
from harness import api, mosquitto_pub, sluicectl, sluicectl_json, wait_for

commands_pb2 = api("command_service_pb2")
command_pb2 = api("command_pb2")


class Device:
    """An actuator on Paho for Python: answers each command once with what `answer` returns."""

    def __init__(self, box, device_id, answer, version=mqtt.MQTTv311):
        self.commands = []
        self.subscribed = False
        self._id = device_id
        self._answer = answer
        host, port = box.mqtt.split(":")
        self._client = mqtt.Client(client_id=device_id, protocol=version)
        self._client.on_connect = lambda *_: self._client.subscribe(f"devices/{device_id}/commands", 2)
        self._client.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self._client.on_message = self._on_message
        self._client.connect(host, int(port))
        self._client.loop_start()
        wait_for(lambda: self.subscribed, "the device's subscription")

    def _on_message(self, _client, _userdata, message):
        command = json.loads(message.payload)
        self.commands.append((command, message.qos))
        response = self._answer(command)
        if response is not None:
            topic = f"devices/{self._id}/commands/{command['command_id']}/response"
            self._client.publish(topic, response if isinstance(response, bytes) else json.dumps(response), qos=1)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def create_actuator(box, device_id):
    sluicectl(box, "devices", "create", device_id, "--type", "actuator", "--command", "open")


@pytest.mark.parametrize("version", [mqtt.MQTTv311, mqtt.MQTTv5])
def test_success_with_its_result(box, version):
    name = f"valve-{version}"
    create_actuator(box, name)
    device = Device(box, name, lambda c: {"status": "succeeded", "result": {"angle": c["arguments"]["angle"]}}, version)
    result = sluicectl_json(box, "command", "send", name, "open", "angle=90", "--wait", "10s")[0]
    device.close()
    assert result["state"] == "COMMAND_STATE_SUCCEEDED"
    assert result["result"] == {"angle": 90}
    assert [qos for _, qos in device.commands] == [2]
    assert sluicectl_json(box, "command", "get", result["id"])[0] == result


def test_failure_with_its_reason(box):
    create_actuator(box, "stuck")
    device = Device(box, "stuck", lambda c: {"status": "failed", "message": "it is stuck"})
    result = sluicectl(box, "--json", "command", "send", "stuck", "open", "--wait", "10s", check=False)
    device.close()
    assert result.returncode == 4
    command = json.loads(result.stdout)
    assert (command["state"], command["error_message"]) == ("COMMAND_STATE_FAILED", "it is stuck")


def test_a_command_the_actuator_does_not_know(box):
    create_actuator(box, "narrow")
    result = sluicectl(box, "command", "send", "narrow", "explode", check=False)
    assert result.returncode == 1
    assert "FAILED_PRECONDITION" in result.stderr and "explode" in result.stderr


def test_an_answer_in_anothers_name_changes_nothing(box, clients):
    for name in ("honest", "thief"):
        create_actuator(box, name)
    sent = clients.commands.SendCommand(commands_pb2.SendCommandRequest(device_id="honest", name="open"), timeout=10)
    host, port = box.mqtt.split(":")
    client = mqtt.Client(client_id="thief")
    client.connect(host, int(port))
    client.loop_start()
    client.publish(f"devices/thief/commands/{sent.id}/response", "{}", qos=1).wait_for_publish(10)
    # The thief's own command after it shows that the first answer was dealt with.
    device = Device(box, "thief", lambda c: {})
    own = sluicectl_json(box, "command", "send", "thief", "open", "--wait", "10s")[0]
    device.close()
    client.disconnect()
    client.loop_stop()
    assert own["state"] == "COMMAND_STATE_SUCCEEDED"
    now = clients.commands.GetCommand(commands_pb2.GetCommandRequest(command_id=sent.id), timeout=10)
    assert now.state in (command_pb2.COMMAND_STATE_PENDING, command_pb2.COMMAND_STATE_SENT)


def test_over_a_restart_of_ingress(box, clients):
    create_actuator(box, "patient")
    box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
    sent = clients.commands.SendCommand(commands_pb2.SendCommandRequest(device_id="patient", name="open"), timeout=10)
    assert sent.state == command_pb2.COMMAND_STATE_PENDING
    device = Device(box, "patient", lambda c: {"result": "late"})
    box.start_one("ingress")
    request = commands_pb2.GetCommandRequest(command_id=sent.id)
    done = wait_for(lambda: (c := clients.commands.GetCommand(request, timeout=10)).state ==
                    command_pb2.COMMAND_STATE_SUCCEEDED and c, "the answer")
    device.close()
    assert done.id == sent.id


def test_an_answer_while_ingress_or_the_registry_is_away(box, clients):
    """The broker keeps it for ingress, and ingress keeps it for the registry."""
    create_actuator(box, "persistent")
    device = Device(box, "persistent", lambda c: None)
    for service, others in (("ingress", []), ("registry", ["ingress"])):
        sent = clients.commands.SendCommand(
            commands_pb2.SendCommandRequest(device_id="persistent", name="open"), timeout=10)
        wait_for(lambda: any(c["command_id"] == sent.id for c, _ in device.commands), "the command at the device")
        box.processes[service].signal(signal.SIGKILL)
        wait_for(lambda: not box.processes[service].running(), f"the end of {service}")
        topic = f"devices/persistent/commands/{sent.id}/response"
        assert mosquitto_pub(box, topic, '{"status": "succeeded", "result": 7}', "-q", "1").returncode == 0
        for other in others:
            # What came to it before its own end is not lost with it either.
            box.processes[other].stop()
            box.start_one(other)
        box.start_one(service)
        done = wait_for(lambda: ended(box, sent.id), f"the answer after the restart of {service}")
        assert (done["state"], done["result"]) == ("COMMAND_STATE_SUCCEEDED", 7)
    device.close()


def ended(box, command_id):
    """The command, once it has ended."""
    command = sluicectl_json(box, "command", "get", command_id)[0]
    return command if command["state"] not in ("COMMAND_STATE_PENDING", "COMMAND_STATE_SENT") else None
