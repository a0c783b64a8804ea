"""Named subscriptions: cursors over restarts, the newest stream wins, acknowledgements that may not be."""

import signal

import grpc
import pytest
from harness import api, mosquitto_pub, sluicectl_json, telemetry_from, value_of, wait_for

pb = api("telemetry_service_pb2")
subscription_pb2 = api("subscription_pb2")


def publish(clients, device_id, values):
    request = pb.PublishTelemetryRequest()
    for value in values:
        request.telemetry.add(device_id=device_id).readings.add(metric="n", int_value=value)
    results = clients.telemetry.PublishTelemetry(request, timeout=10).results
    assert all(r.code == 0 for r in results), results
    return [r.offset for r in results]


def read(clients, name, count, **request):
    """Reads `count` messages of a named subscription; returns them and the last response."""
    stream = clients.telemetry.SubscribeTelemetry(pb.SubscribeTelemetryRequest(subscription=name, **request), timeout=20)
    found = []
    for response in stream:
        found += response.telemetry
        if len(found) >= count:
            stream.cancel()
            return found, response
    raise AssertionError("the stream ended")


def acknowledge(clients, name, response, offset=None, **changes):
    fields = {"subscription": name, "journal_id": response.journal_id, "epoch": response.epoch,
              "offset": response.next_offset if offset is None else offset, **changes}
    return clients.telemetry.AcknowledgeTelemetry(subscription_pb2.AcknowledgeRequest(**fields), timeout=10).cursor


def test_the_cursor_survives_kill_9_of_ingress(box, clients):
    publish(clients, "s1", range(10))
    only_s1 = pb.TelemetryFilter(device_ids=["s1"])
    first, response = read(clients, "durable", 10, filter=only_s1)
    assert [value_of(m.readings[0]) for m in first] == list(range(10))
    cursor = acknowledge(clients, "durable", response, first[4].offset + 1)
    assert cursor == first[4].offset + 1
    box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
    box.start_one("ingress")
    again, after = wait_for(lambda: try_read(clients, "durable", 5, filter=only_s1), "the stream after the restart")
    assert [value_of(m.readings[0]) for m in again] == [5, 6, 7, 8, 9]
    assert after.journal_id == response.journal_id
    assert after.epoch > response.epoch


def try_read(*arguments, **options):
    try:
        return read(*arguments, **options)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return None


def test_acknowledgements_that_may_not_be(clients):
    publish(clients, "s2", [1])
    _, response = read(clients, "strict", 1)
    cases = [
        ({"offset": response.next_offset + 1000}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"journal_id": "another"}, grpc.StatusCode.OUT_OF_RANGE),
        ({"epoch": response.epoch - 1}, grpc.StatusCode.ABORTED),
        ({"subscription": "nobody"}, grpc.StatusCode.NOT_FOUND),
    ]
    for changes, code in cases:
        if changes.get("epoch") == 0:
            continue
        with pytest.raises(grpc.RpcError) as caught:
            acknowledge(clients, "strict", response, **changes)
        assert caught.value.code() == code, caught.value.details()
    cursor = acknowledge(clients, "strict", response)
    assert acknowledge(clients, "strict", response, offset=0) == cursor


def test_the_newest_stream_wins(clients):
    publish(clients, "s3", [1])
    first = clients.telemetry.SubscribeTelemetry(pb.SubscribeTelemetryRequest(subscription="one"), timeout=20)
    epoch = next(first).epoch
    second = clients.telemetry.SubscribeTelemetry(pb.SubscribeTelemetryRequest(subscription="one"), timeout=20)
    assert next(second).epoch > epoch
    with pytest.raises(grpc.RpcError) as caught:
        for _ in first:
            pass
    assert caught.value.code() == grpc.StatusCode.ABORTED
    second.cancel()


def seek(clients, name, **where):
    start = subscription_pb2.Start(**where)
    return clients.telemetry.SeekSubscription(subscription_pb2.SeekSubscriptionRequest(name=name, start=start), timeout=10)


def test_seek_goes_back_and_forward_and_survives_kill_9(box, clients):
    offsets = publish(clients, "seeker", range(10))
    only = pb.TelemetryFilter(device_ids=["seeker"])
    _, response = read(clients, "moved", 10, filter=only)
    acknowledge(clients, "moved", response)
    stream = clients.telemetry.SubscribeTelemetry(pb.SubscribeTelemetryRequest(subscription="moved"), timeout=20)
    open_stream = next(stream)

    there = seek(clients, "moved", offset=offsets[4])
    assert there.cursor == offsets[4]
    assert there.lag_records >= 6
    assert 0 < there.lag_bytes < 100_000
    assert there.HasField("oldest_unacknowledged_time")
    with pytest.raises(grpc.RpcError) as caught:
        for _ in stream:
            pass
    assert caught.value.code() == grpc.StatusCode.ABORTED
    with pytest.raises(grpc.RpcError) as caught:
        acknowledge(clients, "moved", open_stream, offsets[-1] + 1)
    assert caught.value.code() == grpc.StatusCode.ABORTED

    box.processes["ingress"].signal(signal.SIGKILL)
    wait_for(lambda: not box.processes["ingress"].running(), "the end of ingress")
    box.start_one("ingress")
    again, _ = wait_for(lambda: try_read(clients, "moved", 6, filter=only), "the stream after the restart")
    assert [value_of(m.readings[0]) for m in again] == [4, 5, 6, 7, 8, 9]

    by_time = seek(clients, "moved", time=there.oldest_unacknowledged_time)
    assert by_time.cursor <= offsets[4]
    assert by_time.oldest_unacknowledged_time == there.oldest_unacknowledged_time
    box_says = sluicectl_json(box, "subscriptions", "seek", "moved", "--to", "latest")[0]
    assert int(box_says["lag_records"]) == 0
    assert int(box_says["lag_bytes"]) == 0
    assert "oldest_unacknowledged_time" not in box_says


def test_seeks_that_may_not_be(clients):
    publish(clients, "s6", [1])
    _, response = read(clients, "fixed", 1)
    cases = [
        ("nobody", {"offset": 0}, grpc.StatusCode.NOT_FOUND),
        ("fixed", {"offset": response.next_offset + 1_000_000}, grpc.StatusCode.OUT_OF_RANGE),
        ("fixed", {"offset": -1}, grpc.StatusCode.INVALID_ARGUMENT),
        ("fixed", {"resume": {}}, grpc.StatusCode.INVALID_ARGUMENT),
        ("fixed", {}, grpc.StatusCode.INVALID_ARGUMENT),
    ]
    for name, where, code in cases:
        with pytest.raises(grpc.RpcError) as caught:
            seek(clients, name, **where)
        assert caught.value.code() == code, caught.value.details()


def test_create_list_delete(box, clients):
    request = subscription_pb2.CreateSubscriptionRequest()
    request.subscription.name = "made"
    request.start.latest.SetInParent()
    made = clients.telemetry.CreateSubscription(request, timeout=10)
    publish(clients, "s4", [1, 2])
    listed = {row["name"]: row for row in sluicectl_json(box, "subscriptions", "list")}
    assert int(listed["made"]["lag_records"]) == 2
    assert "analytics" in listed
    with pytest.raises(grpc.RpcError) as caught:
        clients.telemetry.CreateSubscription(request, timeout=10)
    assert caught.value.code() == grpc.StatusCode.ALREADY_EXISTS
    found, _ = read(clients, "made", 2)
    assert found[0].offset == made.cursor
    clients.telemetry.DeleteSubscription(subscription_pb2.DeleteSubscriptionRequest(name="made"), timeout=10)
    assert "made" not in {row["name"] for row in sluicectl_json(box, "subscriptions", "list")}


def test_a_filter_that_matches_nothing_still_moves(clients):
    last = publish(clients, "s5", range(100))[-1]
    request = pb.SubscribeTelemetryRequest(filter=pb.TelemetryFilter(device_ids=["nobody"]))
    request.start.earliest.SetInParent()
    stream = clients.telemetry.SubscribeTelemetry(request, timeout=20)
    for response in stream:
        assert not response.telemetry
        if response.next_offset > last:
            break
    stream.cancel()


def test_a_cold_start_without_the_registry_knows_its_devices(box, clients):
    """The replica is on disk: known devices are not refused while the registry is away."""
    assert mosquitto_pub(box, "devices/old-friend/telemetry", "1", "-q", "1").returncode == 0
    telemetry_from(clients, "old-friend", 1)
    wait_for(lambda: any(d["id"] == "old-friend" for d in sluicectl_json(box, "devices", "list")), "registration")
    box.settings["ingress"] = ["auto_register=false"]
    box.processes["ingress"].command = box.service_command("ingress")
    try:
        assert box.processes["ingress"].stop() == 0
        assert box.processes["registry"].stop() == 0
        box.start_one("ingress")
        request = pb.PublishTelemetryRequest()
        for device in ("old-friend", "stranger"):
            request.telemetry.add(device_id=device).readings.add(metric="n", int_value=2)
        results = wait_for(lambda: try_publish(clients, request), "ingress")
        assert [r.code for r in results] == [0, grpc.StatusCode.NOT_FOUND.value[0]]
    finally:
        box.settings.pop("ingress")
        box.start_one("registry")


def try_publish(clients, request):
    try:
        return clients.telemetry.PublishTelemetry(request, timeout=10).results
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        return None
