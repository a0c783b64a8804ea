"""Devices from their creation to their end, as clients see them, and over kill -9 of the registry."""

import json
import signal

import pytest
from harness import api, mosquitto_pub, sluicectl, sluicectl_json, wait_for

pb = api("registry_service_pb2")
device_pb2 = api("device_pb2")

DEVICES = [
    {"id": "r-sensor", "firmware_version": "1.2", "metadata": {"room": "boiler room"}, "labels": {"site": "north"},
     "sensor": {"capabilities": [{"metric": "temperature", "unit": "Cel"}]}},
    {"id": "r-actuator", "labels": {"site": "north"}, "actuator": {"commands": [{"name": "open"}]}},
    {"id": "r-gateway", "labels": {"site": "south"}, "gateway": {}},
]


@pytest.fixture(scope="module", autouse=True)
def devices(box, tmp_path_factory):
    file = tmp_path_factory.mktemp("devices") / "devices.json"
    file.write_text("\n".join(map(json.dumps, DEVICES)))
    sluicectl(box, "devices", "create", "--from", file)


def ids(clients, text, page_size=0):
    """The ids that match a filter, from as many pages as there are."""
    request, found = pb.ListDevicesRequest(filter=text, page_size=page_size), []
    while True:
        page = clients.registry.ListDevices(request, timeout=10)
        assert not page_size or len(page.devices) <= page_size
        found += [d.id for d in page.devices if d.id.startswith("r-")]
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


@pytest.mark.parametrize("text,expected", [
    ("", ["r-actuator", "r-gateway", "r-sensor"]),
    ("type = sensor", ["r-sensor"]),
    ("type = actuator", ["r-actuator"]),
    ("type = gateway", ["r-gateway"]),
    ("labels.site = north", ["r-actuator", "r-sensor"]),
    ("labels.site = north AND type = actuator", ["r-actuator"]),
    ("status = UNKNOWN AND labels.site = south", ["r-gateway"]),
    ("status = ERROR", []),
])
@pytest.mark.parametrize("page_size", [0, 1])
def test_filters(clients, text, expected, page_size):
    assert ids(clients, text, page_size) == expected


def test_what_was_created_is_shown(clients):
    device = clients.registry.GetDevice(pb.GetDeviceRequest(device_id="r-sensor"), timeout=10)
    assert (device.firmware_version, dict(device.metadata), device.enabled) == ("1.2", {"room": "boiler room"}, True)
    assert [(c.metric, c.unit) for c in device.sensor.capabilities] == [("temperature", "Cel")]
    assert device.status == device_pb2.DEVICE_STATUS_UNKNOWN and not device.HasField("last_seen")


def test_an_update_by_mask_changes_nothing_else(clients):
    before = clients.registry.GetDevice(pb.GetDeviceRequest(device_id="r-sensor"), timeout=10)
    update = pb.UpdateDeviceRequest(device=device_pb2.Device(id="r-sensor", firmware_version="1.3"))
    update.device.metadata["room"] = "ignored"
    update.update_mask.paths.append("firmware_version")
    after = clients.registry.UpdateDevice(update, timeout=10)
    assert after.firmware_version == "1.3" and after.etag != before.etag
    assert dict(after.metadata) == dict(before.metadata) and after.sensor == before.sensor


def test_status_by_hand_and_its_filter(box, clients):
    request = pb.UpdateDeviceStatusRequest(device_id="r-gateway", status=device_pb2.DEVICE_STATUS_MAINTENANCE,
                                           status_message="new fan")
    assert clients.registry.UpdateDeviceStatus(request, timeout=10).status_message == "new fan"
    assert ids(clients, "status = MAINTENANCE") == ["r-gateway"]
    shown = sluicectl(box, "devices", "list", "--filter", "status = MAINTENANCE").stdout
    assert "r-gateway" in shown and "r-sensor" not in shown


def test_last_seen(box):
    assert mosquitto_pub(box, "devices/r-sensor/telemetry", "1", "-q", "1").returncode == 0
    wait_for(lambda: "last_seen" in sluicectl_json(box, "devices", "get", "r-sensor")[0], "last_seen")


def test_a_watch_tells_the_snapshot_then_changes(clients):
    stream = clients.registry.WatchDevices(pb.WatchDevicesRequest(), timeout=20)
    snapshot = []
    for response in stream:
        if response.synced:
            break
        snapshot.append(response.upserted.id)
    assert {"r-actuator", "r-gateway", "r-sensor"} <= set(snapshot)
    brief = device_pb2.Device(id="r-brief", sensor=device_pb2.Sensor())
    clients.registry.CreateDevice(pb.CreateDeviceRequest(device=brief), timeout=10)
    assert next(r for r in stream if r.upserted.id.startswith("r-")).upserted.id == "r-brief"
    clients.registry.DeleteDevice(pb.DeleteDeviceRequest(device_id="r-brief"), timeout=10)
    assert next(r for r in stream if r.deleted_id).deleted_id == "r-brief"
    stream.cancel()


def test_all_is_there_after_kill_9(box, clients):
    # What ingress may report anew meanwhile.
    reported = ("last_seen", "status", "update_time", "etag")

    def everything():
        return [{k: v for k, v in d.items() if k not in reported} for d in sluicectl_json(box, "devices", "list", "--all")]

    clients.registry.DeleteDevice(pb.DeleteDeviceRequest(device_id="r-actuator"), timeout=10)
    before = everything()
    assert [d["id"] for d in before] == ["r-gateway", "r-sensor"]
    box.processes["registry"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["registry"].running(), "the end of the registry")
    box.start_one("registry")
    assert everything() == before
